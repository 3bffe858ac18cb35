/* Holds the library to the contract of wardcard.h.
 *
 * usage: contract CONFIGURATION ANOTHER
 *
 * Where it needs an ID token it prints "token NONCE" and reads one from standard input. At the end
 * it prints "kept" and the number of checks; a broken promise ends it with its line.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wardcard.h"
#include "contract/host.h"

static void nothing_is_no_handle(void)
{
    wardcard_agent *agent = NULL;
    wardcard_request *request = NULL;
    wardcard_card *card = NULL;
    wardcard_card_info info;
    size_t length = 7;
    int64_t expires = 7;

    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    wardcard_agent_free(NULL);
    wardcard_request_free(NULL);
    wardcard_card_free(NULL);
    CHECK(wardcard_agent_new(NULL, 0, NULL, NULL) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_agent_new(NULL, 1, NULL, &agent) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_agent_new("\xff", 1, NULL, &agent) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_agent_new("x", (size_t)-1, NULL, &agent) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_agent_new(NULL, 0, NULL, &agent) == WARDCARD_ERROR_CONFIGURATION);
    CHECK(agent == NULL);
    CHECK(wardcard_agent_serve(NULL) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_agent_stop(NULL) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_agent_card(NULL, "0123456789abcdef", 16, &card) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_passcode_answer(NULL, 1, NULL, 0) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_new(NULL, 0, NULL, 0, &request) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_nonce(NULL, NULL, 0, &length) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_expires(NULL, &expires) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_prove(NULL, NULL, 0, NULL, &card) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_card_info_read(NULL, &info) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_card_certificate(NULL, 1, 0, NULL, 0, &length) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_card_lock(NULL) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_card_unlock(NULL) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_card_remove(NULL, WARDCARD_REMOVAL_TAP_OUT) == WARDCARD_ERROR_ARGUMENT);
    CHECK(request == NULL && card == NULL && length == 7 && expires == 7);
    CHECK(wardcard_process_harden(NULL) == WARDCARD_OK);
    CHECK(wardcard_abi_version() == WARDCARD_ABI_VERSION && wardcard_version()[0] != '\0');
    CHECK(strcmp(wardcard_result_text(123456), "an unknown result") == 0);
}

static void agents(struct host *host, const char *configuration, size_t length)
{
    wardcard_callbacks callbacks;
    wardcard_agent *none = NULL;
    uint32_t achieved = 0;

    CHECK(wardcard_process_harden(&achieved) == WARDCARD_OK);
    CHECK((achieved & WARDCARD_HARDENED_NO_CORE) != 0);
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.userdata = host;
    callbacks.diagnostic = diagnostic;
    callbacks.passcode_wanted = passcode_wanted;
    for (callbacks.size = 0; callbacks.size < 100; callbacks.size++)
        if (callbacks.size != sizeof callbacks)
            CHECK(wardcard_agent_new(configuration, length, &callbacks, &none) ==
                  WARDCARD_ERROR_ARGUMENT);
    callbacks.size = sizeof callbacks;
    CHECK(host->told == 0);
    CHECK(wardcard_agent_new("mode = 1", 8, &callbacks, &none) == WARDCARD_ERROR_CONFIGURATION);
    CHECK(host->told == 1 && host->last == WARDCARD_ERROR_CONFIGURATION && none == NULL);
    CHECK(wardcard_agent_new(configuration, length, &callbacks, &host->agent) == WARDCARD_OK);
    /* The structure has been copied. */
    memset(&callbacks, 0xff, sizeof callbacks);
    CHECK(wardcard_agent_serve(host->agent) == WARDCARD_OK);
    CHECK(wardcard_agent_serve(host->agent) == WARDCARD_OK);
    CHECK(wardcard_agent_serve(NULL) == WARDCARD_ERROR_ARGUMENT);
}

/* A user may be named by text, which is the only way where users have no numbers. */
static void users(struct host *host)
{
    static const char *const nobody[] = {"x", "-1", "4294967296", "S-1-5-18"};
    wardcard_request *request = NULL;
    char user[32];
    size_t i;

    snprintf(user, sizeof user, "%lu", (unsigned long)getuid() + 1);
    CHECK(wardcard_request_new_for(host->agent, user, strlen(user), NULL, 0, &request) ==
          WARDCARD_ERROR_SEAT);
    for (i = 0; i < sizeof nobody / sizeof *nobody; i++)
        CHECK(wardcard_request_new_for(host->agent, nobody[i], strlen(nobody[i]), NULL, 0,
                                       &request) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_new_for(host->agent, NULL, 1, NULL, 0, &request) ==
          WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_new_for(host->agent, NULL, 0, NULL, 0, NULL) ==
          WARDCARD_ERROR_ARGUMENT);
    snprintf(user, sizeof user, "%lu", (unsigned long)getuid());
    CHECK(wardcard_request_new_for(host->agent, user, strlen(user), NULL, 0, &request) ==
          WARDCARD_OK);
    wardcard_request_free(request);
    CHECK(wardcard_request_new_for(host->agent, NULL, 0, NULL, 0, &request) == WARDCARD_OK);
    wardcard_request_free(request);
}

static void requests(struct host *host)
{
    wardcard_request *request = NULL;
    wardcard_card *card = NULL;
    wardcard_passcode passcode;
    char nonce[128];
    size_t length = 7, needed = 0;
    int64_t expires = 0;
    int count;

    CHECK(wardcard_request_new(host->agent, (uint32_t)getuid() + 1, NULL, 0, &request) ==
          WARDCARD_ERROR_SEAT);
    CHECK(wardcard_request_new(host->agent, 0, NULL, 1, &request) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_new(host->agent, 0, "\xff", 1, &request) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_new(host->agent, (uint32_t)getuid(), NULL, 0, NULL) ==
          WARDCARD_ERROR_ARGUMENT);
    CHECK(request == NULL);

    request = request_of(host->agent);
    CHECK(wardcard_request_expires(request, &expires) == WARDCARD_OK && expires > 0);
    CHECK(wardcard_request_expires(request, NULL) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_nonce(request, NULL, 0, NULL) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_nonce(request, NULL, 9, &length) == WARDCARD_ERROR_ARGUMENT);
    CHECK(length == 7);
    CHECK(wardcard_request_nonce(request, NULL, 0, &needed) == WARDCARD_ERROR_BUFFER_TOO_SMALL);
    CHECK(needed == 43);
    memset(nonce, '.', sizeof nonce);
    CHECK(wardcard_request_nonce(request, nonce, needed - 1, &length) ==
          WARDCARD_ERROR_BUFFER_TOO_SMALL);
    CHECK(length == needed && nonce[0] == '.');
    CHECK(wardcard_request_nonce(request, nonce, needed, &length) == WARDCARD_OK);
    CHECK(length == needed && nonce[needed - 1] != '.' && nonce[needed] == '.');

    memset(&passcode, 0, sizeof passcode);
    passcode.source = WARDCARD_PASSCODE_GIVEN;
    passcode.passcode = PASSCODE;
    passcode.passcode_length = 6;
    CHECK(wardcard_request_prove(request, "x", 1, &passcode, &card) == WARDCARD_ERROR_ARGUMENT);
    passcode.size = sizeof passcode;
    passcode.source = 77;
    CHECK(wardcard_request_prove(request, "x", 1, &passcode, &card) == WARDCARD_ERROR_ARGUMENT);
    passcode.source = WARDCARD_PASSCODE_SIGN_IN;
    CHECK(wardcard_request_prove(request, "x", 1, &passcode, &card) == WARDCARD_ERROR_ARGUMENT);
    passcode.source = WARDCARD_PASSCODE_GIVEN;
    passcode.passcode = NULL;
    CHECK(wardcard_request_prove(request, "x", 1, &passcode, &card) == WARDCARD_ERROR_ARGUMENT);
    passcode.passcode_length = 0;
    CHECK(wardcard_request_prove(request, "x", 1, &passcode, &card) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_prove(request, "x", 1, NULL, NULL) == WARDCARD_ERROR_ARGUMENT);
    /* Nothing of all that has used the request up; a token that is none does. */
    CHECK(wardcard_request_prove(request, NULL, 0, NULL, &card) == WARDCARD_ERROR_PROOF);
    CHECK(host->last == WARDCARD_ERROR_PROOF);
    CHECK(wardcard_request_prove(request, "x", 1, NULL, &card) == WARDCARD_ERROR_REQUEST);
    CHECK(card == NULL);
    wardcard_request_free(request);

    /* A request that is freed makes room for another: the limit is 64 at once. */
    for (count = 0; count < 70; count++)
        wardcard_request_free(request_of(host->agent));
}

static void passcodes(struct host *host, wardcard_card **card)
{
    wardcard_passcode given;

    host->manner = DECLINE;
    CHECK(prove(host->agent, NULL, card) == WARDCARD_ERROR_PASSCODE_UNSET);
    host->manner = SHAPELESS;
    CHECK(prove(host->agent, NULL, card) == WARDCARD_ERROR_PASSCODE_SHAPE);
    CHECK(*card == NULL);

    memset(&given, 0, sizeof given);
    given.size = sizeof given;
    given.source = WARDCARD_PASSCODE_GIVEN;
    given.passcode = "13579135";
    given.passcode_length = 8;
    host->manner = MUST_NOT_ASK;
    CHECK(prove(host->agent, &given, card) == WARDCARD_OK);
    wardcard_card_free(*card);
    *card = NULL;

    host->manner = ANSWER_LATER;
    CHECK(prove(host->agent, NULL, card) == WARDCARD_OK);
    CHECK(pthread_join(host->helper, NULL) == 0);
    wardcard_card_free(*card);
    *card = NULL;

    host->manner = MUST_NOT_ASK;
    CHECK(prove(host->agent, NULL, card) == WARDCARD_OK);
    CHECK(host->asked == 3);
}

static void cards(struct host *host, wardcard_card *card)
{
    wardcard_card_info info;
    wardcard_card *found = NULL;
    uint8_t certificate[8192];
    size_t length = 7, needed = 0;

    memset(&info, 0, sizeof info);
    for (info.size = 0; info.size < 200; info.size++)
        if (info.size != sizeof info)
            CHECK(wardcard_card_info_read(card, &info) == WARDCARD_ERROR_ARGUMENT);
    info.size = sizeof info;
    CHECK(wardcard_card_info_read(card, NULL) == WARDCARD_ERROR_ARGUMENT);
    CHECK(info.id[0] == '\0');
    CHECK(wardcard_card_info_read(card, &info) == WARDCARD_OK);
    CHECK(strlen(info.id) == 16 && strcmp(info.person, "555000000001") == 0);
    CHECK(info.state == WARDCARD_CARD_INSERTED && info.tries_left == 3 && info.sign_in == 0);
    CHECK(info.content_commitment == 0 && info.authentication_level == 3);
    CHECK(info.expires > info.issued && info.sha1_signatures == 0);

    CHECK(wardcard_agent_card(host->agent, info.id, 15, &found) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_agent_card(host->agent, "0000000000000000", 16, &found) ==
          WARDCARD_ERROR_CARD_GONE);
    CHECK(found == NULL);
    CHECK(wardcard_agent_card(host->agent, info.id, 16, &found) == WARDCARD_OK && found != NULL);

    CHECK(wardcard_card_certificate(card, WARDCARD_KEY_AUTHENTICATION, 0, NULL, 0, NULL) ==
          WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_card_certificate(card, 0, 0, NULL, 0, &length) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_card_certificate(card, WARDCARD_KEY_CONTENT_COMMITMENT, 0, NULL, 0, &length) ==
          WARDCARD_ERROR_NO_SUCH_KEY);
    CHECK(wardcard_card_certificate(card, WARDCARD_KEY_AUTHENTICATION, 3, NULL, 0, &length) ==
          WARDCARD_ERROR_NO_SUCH_KEY);
    CHECK(length == 7);
    CHECK(wardcard_card_certificate(card, WARDCARD_KEY_AUTHENTICATION, 0, NULL, 0, &needed) ==
          WARDCARD_ERROR_BUFFER_TOO_SMALL);
    CHECK(needed > 256 && needed < sizeof certificate);
    memset(certificate, 0, sizeof certificate);
    CHECK(wardcard_card_certificate(card, WARDCARD_KEY_AUTHENTICATION, 0, certificate, needed - 1,
                                    &length) == WARDCARD_ERROR_BUFFER_TOO_SMALL);
    CHECK(certificate[0] == 0 && length == needed);
    CHECK(wardcard_card_certificate(found, WARDCARD_KEY_AUTHENTICATION, 0, certificate, needed,
                                    &length) == WARDCARD_OK);
    CHECK(certificate[0] == 0x30 && certificate[needed] == 0);

    CHECK(wardcard_card_lock(card) == WARDCARD_OK);
    CHECK(wardcard_card_info_read(found, &info) == WARDCARD_OK);
    CHECK(info.state == WARDCARD_CARD_LOCKED);
    CHECK(wardcard_card_unlock(found) == WARDCARD_OK);
    CHECK(wardcard_card_remove(card, 0) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_card_remove(card, WARDCARD_REMOVAL_SESSION_END) == WARDCARD_OK);
    CHECK(wardcard_card_remove(found, WARDCARD_REMOVAL_TAP_OUT) == WARDCARD_ERROR_CARD_GONE);
    CHECK(wardcard_card_info_read(found, &info) == WARDCARD_ERROR_CARD_GONE);
    CHECK(wardcard_card_lock(found) == WARDCARD_ERROR_CARD_GONE);
    CHECK(wardcard_card_certificate(found, WARDCARD_KEY_AUTHENTICATION, 0, NULL, 0, &length) ==
          WARDCARD_ERROR_CARD_GONE);
    wardcard_card_free(found);
}

#include "contract/sign_ins.h"

static void after_the_end(struct host *host, wardcard_card *card)
{
    wardcard_request *request = request_of(host->agent), *another = NULL;
    wardcard_card *found = NULL;
    wardcard_card_info info;
    size_t length = 0;
    unsigned told;

    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    CHECK(wardcard_agent_stop(host->agent) == WARDCARD_OK);
    CHECK(wardcard_agent_stop(host->agent) == WARDCARD_OK);
    CHECK(wardcard_agent_serve(host->agent) == WARDCARD_ERROR_STOPPED);
    CHECK(wardcard_request_new(host->agent, (uint32_t)getuid(), NULL, 0, &another) ==
          WARDCARD_ERROR_STOPPED);
    CHECK(wardcard_agent_card(host->agent, "0123456789abcdef", 16, &found) ==
          WARDCARD_ERROR_STOPPED);
    CHECK(wardcard_passcode_answer(host->agent, 1, PASSCODE, 6) == WARDCARD_ERROR_NO_SUCH_QUESTION);
    CHECK(host->last == WARDCARD_ERROR_STOPPED);
    told = host->told;
    wardcard_agent_free(host->agent);
    memset(host, 0xa5, sizeof *host);

    /* The handles are alive, the agent and the host's callbacks are not. */
    CHECK(wardcard_request_prove(request, "x", 1, NULL, &found) == WARDCARD_ERROR_STOPPED);
    CHECK(wardcard_request_nonce(request, NULL, 0, &length) == WARDCARD_ERROR_BUFFER_TOO_SMALL);
    CHECK(wardcard_card_info_read(card, &info) == WARDCARD_ERROR_STOPPED);
    CHECK(wardcard_card_lock(card) == WARDCARD_ERROR_STOPPED);
    CHECK(wardcard_card_unlock(card) == WARDCARD_ERROR_STOPPED);
    CHECK(wardcard_card_remove(card, WARDCARD_REMOVAL_TAP_OUT) == WARDCARD_ERROR_STOPPED);
    CHECK(found == NULL && another == NULL && told > 0);
    CHECK(host->told == 0xa5a5a5a5u);
    wardcard_request_free(request);
    wardcard_card_free(card);
}

int main(int argc, char **argv)
{
    static struct host host, second;
    char *configuration = malloc(ROOM), *other;
    size_t length;
    wardcard_card *card = NULL;
    FILE *file;

    CHECK(argc == 3 && configuration != NULL);
    nothing_is_no_handle();
    CHECK((file = fopen(argv[1], "rb")) != NULL);
    length = fread(configuration, 1, ROOM, file);
    fclose(file);
    agents(&host, configuration, length);
    users(&host);
    requests(&host);
    passcodes(&host, &card);
    cards(&host, card);
    sign_ins(&host);
    after_the_end(&host, card);

    /* An agent that is stopped while a question is open: nobody waits for ever. */
    other = malloc(ROOM);
    CHECK(other != NULL && (file = fopen(argv[2], "rb")) != NULL);
    length = fread(other, 1, ROOM, file);
    fclose(file);
    second.manner = MUST_NOT_ASK;
    agents(&second, other, length);
    second.manner = STOP_MEANWHILE;
    card = NULL;
    CHECK(prove(second.agent, NULL, &card) == WARDCARD_ERROR_STOPPED);
    CHECK(pthread_join(second.helper, NULL) == 0);
    CHECK(second.asked == 1 && card == NULL);
    wardcard_agent_free(second.agent);

    free(other);
    free(configuration);
    printf("kept %u\n", checks);
    return 0;
}
