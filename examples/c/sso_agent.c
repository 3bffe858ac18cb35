/* A small SSO agent: embeds the Wardcard agent, takes a strong sign-in, serves the card.
 *
 * usage: sso_agent CONFIGURATION
 *
 * It talks over standard input and output, so that a provider, a person or a test can stand on the
 * other side:
 *
 *   it prints                      it reads
 *   nonce NONCE                    the ID token of the sign-in, in one line
 *   passcode MIN MAX               a new passcode; only if the person has none yet
 *   card ID person ... state ...   show, lock, unlock or remove, until the end of the input
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wardcard.h"

#define TOKEN_ROOM 65536

/* Erases a secret in a way that compilers keep; explicit_bzero does the same where it exists. */
static void erase(void *secret, size_t length)
{
    volatile unsigned char *byte = secret;

    while (length-- > 0)
        *byte++ = 0;
}

/* Reads a line without its end; returns its length, or -1 at the end of the input. */
static long read_line(char *line, size_t room)
{
    if (fgets(line, (int)room, stdin) == NULL)
        return -1;
    line[strcspn(line, "\r\n")] = '\0';
    return (long)strlen(line);
}

static void diagnostic(void *userdata, wardcard_result result, const char *text, size_t length)
{
    (void)userdata;
    fprintf(stderr, "sso_agent: result %u: %.*s\n", (unsigned)result, (int)length, text);
}

/* A real agent opens a dialog, returns, and answers when the person has chosen. */
static void passcode_wanted(void *userdata, uint64_t question, const char *person,
                            size_t person_length, size_t min, size_t max)
{
    wardcard_agent **agent = userdata;
    char passcode[64];
    long length;

    (void)person;
    (void)person_length;
    printf("passcode %lu %lu\n", (unsigned long)min, (unsigned long)max);
    fflush(stdout);
    length = read_line(passcode, sizeof passcode);
    wardcard_passcode_answer(*agent, question, passcode, length < 0 ? 0 : (size_t)length);
    erase(passcode, sizeof passcode);
}

static int failed(const char *what, wardcard_result result)
{
    fprintf(stderr, "sso_agent: %s: %s\n", what, wardcard_result_text(result));
    return EXIT_FAILURE;
}

static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(TOKEN_ROOM);

    if (file == NULL || text == NULL) {
        free(text);
        text = NULL;
    } else {
        *length = fread(text, 1, TOKEN_ROOM, file);
    }
    if (file != NULL)
        fclose(file);
    return text;
}

static int show(const wardcard_card *card)
{
    wardcard_card_info info;
    uint8_t certificate[8192];
    size_t length = 0;
    wardcard_result result;

    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    result = wardcard_card_info_read(card, &info);
    if (result != WARDCARD_OK)
        return failed("card information", result);
    result = wardcard_card_certificate(card, WARDCARD_KEY_AUTHENTICATION, 0, certificate,
                                       sizeof certificate, &length);
    if (result != WARDCARD_OK)
        return failed("certificate", result);
    printf("card %s person %s state %u tries %u certificate %lu bytes\n", info.id, info.person,
           (unsigned)info.state, (unsigned)info.tries_left, (unsigned long)length);
    fflush(stdout);
    return EXIT_SUCCESS;
}

static int serve(wardcard_card *card)
{
    char line[64];
    wardcard_result result = WARDCARD_OK;

    while (read_line(line, sizeof line) >= 0) {
        if (strcmp(line, "lock") == 0)
            result = wardcard_card_lock(card);
        else if (strcmp(line, "unlock") == 0)
            result = wardcard_card_unlock(card);
        else if (strcmp(line, "remove") == 0)
            result = wardcard_card_remove(card, WARDCARD_REMOVAL_TAP_OUT);
        else if (strcmp(line, "show") != 0)
            fprintf(stderr, "sso_agent: show, lock, unlock or remove\n");
        if (result != WARDCARD_OK)
            return failed(line, result);
        if (strcmp(line, "remove") == 0) {
            printf("removed\n");
            fflush(stdout);
        } else if (show(card) != EXIT_SUCCESS) {
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

/* From the request to the card. */
static wardcard_result sign_in(wardcard_agent *agent, wardcard_card **card)
{
    wardcard_request *request = NULL;
    char nonce[128];
    size_t nonce_length = 0;
    char *token = malloc(TOKEN_ROOM);
    long token_length;
    wardcard_result result;

    if (token == NULL)
        return WARDCARD_ERROR_LIMIT;
    result = wardcard_request_new_for(agent, NULL, 0, NULL, 0, &request);
    if (result == WARDCARD_OK)
        result = wardcard_request_nonce(request, nonce, sizeof nonce, &nonce_length);
    if (result == WARDCARD_OK) {
        printf("nonce %.*s\n", (int)nonce_length, nonce);
        fflush(stdout);
        token_length = read_line(token, TOKEN_ROOM);
        result = wardcard_request_prove(request, token, token_length < 0 ? 0 : (size_t)token_length,
                                        NULL, card);
    }
    erase(token, TOKEN_ROOM);
    free(token);
    wardcard_request_free(request);
    return result;
}

int main(int argc, char **argv)
{
    wardcard_agent *agent = NULL;
    wardcard_card *card = NULL;
    wardcard_callbacks callbacks;
    char *configuration;
    size_t length = 0;
    wardcard_result result;
    int status = EXIT_FAILURE;

    if (argc != 2) {
        fprintf(stderr, "usage: sso_agent CONFIGURATION\n");
        return EXIT_FAILURE;
    }
    if (wardcard_abi_version() != WARDCARD_ABI_VERSION) {
        fprintf(stderr, "sso_agent: the library is not the one of this header\n");
        return EXIT_FAILURE;
    }
    /* No buffer of the C library keeps a token or passcode. */
    setvbuf(stdin, NULL, _IONBF, 0);
    wardcard_process_harden(NULL);

    configuration = read_file(argv[1], &length);
    if (configuration == NULL) {
        fprintf(stderr, "sso_agent: %s cannot be read\n", argv[1]);
        return EXIT_FAILURE;
    }
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.size = sizeof callbacks;
    callbacks.userdata = &agent;
    callbacks.passcode_wanted = passcode_wanted;
    callbacks.diagnostic = diagnostic;

    result = wardcard_agent_new(configuration, length, &callbacks, &agent);
    if (result == WARDCARD_OK)
        result = wardcard_agent_serve(agent);
    if (result != WARDCARD_OK)
        failed("start", result);
    else if ((result = sign_in(agent, &card)) != WARDCARD_OK)
        failed("sign-in", result);
    else if (show(card) == EXIT_SUCCESS)
        status = serve(card);

    wardcard_card_free(card);
    wardcard_agent_free(agent);
    free(configuration);
    return status;
}
