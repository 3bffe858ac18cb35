/* Enrols a person, imports the certificate, lists, releases, renews and ends the enrolment, by
 * wardcard.h alone.
 *
 * usage: release CONFIGURATION
 *
 * Prints "request FILE" and reads the name of a file of certificates, "token NONCE" and reads an
 * ID token, and at the end "kept" with the number of checks; a broken promise ends it with its line.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wardcard.h"

#define PERSON "555000000001", 12
#define BY "release.c", 9
#define ROOM 65536

static unsigned checks;

static void expect(int holds, const char *what, int line)
{
    checks++;
    if (!holds) {
        printf("broken at line %d: %s\n", line, what);
        exit(1);
    }
}

#define CHECK(condition) expect((condition), #condition, __LINE__)

static char text[ROOM];

static void diagnostic(void *userdata, wardcard_result result, const char *said, size_t length)
{
    (void)userdata;
    CHECK(result != WARDCARD_OK && length > 0);
    CHECK(memchr(said, '\0', length) == NULL);
    fprintf(stderr, "%.*s\n", (int)length, said);
}

static size_t read_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    size_t length;

    CHECK(file != NULL);
    length = fread(text, 1, sizeof text, file);
    CHECK(length > 0 && length < sizeof text);
    fclose(file);
    return length;
}

static size_t answer(void)
{
    CHECK(fgets(text, sizeof text, stdin) != NULL);
    text[strcspn(text, "\n")] = '\0';
    return strlen(text);
}

static wardcard_enrolment_info about(const wardcard_enrolment *enrolment)
{
    wardcard_enrolment_info info = {.size = sizeof info};

    CHECK(wardcard_enrolment_info_read(enrolment, &info) == WARDCARD_OK);
    CHECK(strcmp(info.person, "555000000001") == 0 && info.enrolled > 0);
    return info;
}

/* Has the certificates of the keys that wait made by the other side, and imports them. */
static void import(wardcard_enrolment *enrolment)
{
    size_t length = 0;
    FILE *file;

    CHECK(wardcard_enrolment_request(enrolment, WARDCARD_KEY_AUTHENTICATION, NULL, 0, &length) ==
          WARDCARD_ERROR_BUFFER_TOO_SMALL);
    CHECK(length > 100 && length < sizeof text);
    CHECK(wardcard_enrolment_request(enrolment, WARDCARD_KEY_AUTHENTICATION, text, sizeof text,
                                     &length) == WARDCARD_OK);
    CHECK(memcmp(text, "-----BEGIN CERTIFICATE REQUEST-----", 35) == 0);
    CHECK(wardcard_enrolment_request(enrolment, WARDCARD_KEY_CONTENT_COMMITMENT, text, sizeof text,
                                     &length) == WARDCARD_ERROR_NO_SUCH_KEY);
    CHECK(wardcard_enrolment_request(enrolment, 9, text, sizeof text, &length) ==
          WARDCARD_ERROR_ARGUMENT);
    file = fopen("request.pem", "wb");
    CHECK(file != NULL && fwrite(text, 1, length, file) == length && fclose(file) == 0);
    CHECK(wardcard_enrolment_import(enrolment, text, 0, BY) == WARDCARD_ERROR_CERTIFICATES);
    printf("request request.pem\n");
    fflush(stdout);
    answer();
    length = read_file(text);
    CHECK(wardcard_enrolment_import(enrolment, text, length, BY) == WARDCARD_OK);
    CHECK(wardcard_enrolment_import(enrolment, text, length, BY) == WARDCARD_ERROR_ENROLMENT);
}

static void release(wardcard_agent *agent, const char *enrolled)
{
    wardcard_passcode passcode = {sizeof passcode, WARDCARD_PASSCODE_GIVEN, "246813", 6};
    wardcard_card_info info = {.size = sizeof info};
    wardcard_request *request = NULL;
    wardcard_card *card = NULL;
    char nonce[128];
    size_t length = 0;

    CHECK(wardcard_request_new_release(agent, (uint32_t)getuid(), NULL, 0, "555", 3, &request) ==
          WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_new_release(agent, (uint32_t)getuid(), NULL, 0, "555000000002", 12,
                                       &request) == WARDCARD_ERROR_NOT_ENROLLED);
    CHECK(wardcard_request_new_release(agent, (uint32_t)getuid(), NULL, 0, PERSON, &request) ==
          WARDCARD_OK);
    CHECK(wardcard_request_nonce(request, nonce, sizeof nonce, &length) == WARDCARD_OK);
    printf("token %.*s\n", (int)length, nonce);
    fflush(stdout);
    length = answer();
    CHECK(wardcard_request_prove(request, text, length, &passcode, &card) == WARDCARD_OK);
    wardcard_request_free(request);
    CHECK(wardcard_card_info_read(card, &info) == WARDCARD_OK);
    CHECK(strcmp(info.person, "555000000001") == 0);
    CHECK(strcmp(info.id, enrolled) != 0);
    wardcard_card_free(card);
}

int main(int count, char **arguments)
{
    wardcard_callbacks callbacks = {sizeof callbacks, NULL, NULL, diagnostic};
    wardcard_enrolment_info info = {.size = sizeof info};
    wardcard_enrolment *enrolment = NULL, *other = NULL;
    wardcard_enrolments *all = NULL;
    wardcard_agent *agent = NULL;
    char first[17];
    size_t length;

    CHECK(count == 2);
    length = read_file(arguments[1]);
    CHECK(wardcard_agent_new(text, length, &callbacks, &agent) == WARDCARD_OK);
    CHECK(wardcard_enrolment_find(agent, PERSON, &enrolment) == WARDCARD_ERROR_NOT_ENROLLED);
    CHECK(wardcard_enrolment_new(agent, "12345", 5, BY, &enrolment) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_enrolment_new(agent, PERSON, BY, NULL) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_enrolment_new(agent, PERSON, BY, &enrolment) == WARDCARD_OK);
    CHECK(wardcard_enrolment_new(agent, PERSON, BY, &other) == WARDCARD_ERROR_ENROLMENT);
    info = about(enrolment);
    CHECK(info.waiting == 1 && info.card[0] == '\0' && info.ends == 0 && info.renew == 0);
    import(enrolment);
    info = about(enrolment);
    CHECK(info.waiting == 0 && strlen(info.card) == 16 && info.ends > info.enrolled);
    CHECK(info.renew == 0 && info.released == 0);
    memcpy(first, info.card, sizeof first);
    release(agent, first);

    CHECK(wardcard_enrolments_new(agent, &all) == WARDCARD_OK);
    CHECK(wardcard_enrolments_info_read(all, 0, &info) == WARDCARD_OK);
    CHECK(strcmp(info.card, first) == 0 && info.renew == 0);
    CHECK(wardcard_enrolments_info_read(all, 1, &info) == WARDCARD_ERROR_NOT_ENROLLED);
    info.size--;
    CHECK(wardcard_enrolments_info_read(all, 0, &info) == WARDCARD_ERROR_ARGUMENT);
    wardcard_enrolments_free(all);

    CHECK(wardcard_enrolment_renew(enrolment, BY) == WARDCARD_OK);
    CHECK(wardcard_enrolment_renew(enrolment, BY) == WARDCARD_ERROR_ENROLMENT);
    import(enrolment);
    CHECK(wardcard_enrolment_find(agent, PERSON, &other) == WARDCARD_OK);
    info = about(other);
    CHECK(strcmp(info.card, first) != 0);
    release(agent, info.card);
    CHECK(wardcard_enrolment_remove(other, BY) == WARDCARD_OK);
    CHECK(wardcard_enrolment_remove(other, BY) == WARDCARD_ERROR_NOT_ENROLLED);
    wardcard_enrolment_free(other);
    wardcard_enrolment_free(enrolment);
    wardcard_enrolment_free(NULL);
    wardcard_enrolments_free(NULL);
    wardcard_agent_free(agent);
    printf("kept %u\n", checks);
    return 0;
}
