/* Sign-ins in several steps, as a host has them. */

/* What the other side says to a line. */
static size_t said(const char *word, const char *text, size_t length, char *answer)
{
    printf("%s %.*s\n", word, (int)length, text);
    fflush(stdout);
    CHECK(fgets(answer, ROOM, stdin) != NULL);
    return strcspn(answer, "\n");
}

static void sign_ins(struct host *host)
{
    static const char back[] = "http://127.0.0.1:4711/callback";
    wardcard_request *request = request_of(host->agent);
    wardcard_card *card = NULL;
    wardcard_tokens *tokens = NULL;
    wardcard_sign_in how;
    wardcard_passcode passcode;
    char *url = malloc(ROOM), *answer = malloc(ROOM);
    size_t length = 0, ended = 9;

    CHECK(url != NULL && answer != NULL);
    memset(&how, 0, sizeof how);
    memset(&passcode, 0, sizeof passcode);
    passcode.size = sizeof passcode;
    passcode.source = WARDCARD_PASSCODE_GIVEN;
    passcode.passcode = PASSCODE;
    passcode.passcode_length = 6;
    CHECK(wardcard_request_sign_in_url(request, url, ROOM, &length) == WARDCARD_ERROR_REQUEST);
    CHECK(wardcard_request_sign_in_begin(NULL, back, sizeof back - 1, NULL) ==
          WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_sign_in_begin(request, back, sizeof back - 1, &how) ==
          WARDCARD_ERROR_ARGUMENT);
    how.size = sizeof how;
    how.prompt = "nonsense";
    how.prompt_length = 8;
    CHECK(wardcard_request_sign_in_begin(request, back, sizeof back - 1, &how) ==
          WARDCARD_ERROR_PROOF);
    how.prompt = "login";
    how.prompt_length = 5;
    how.acr_values = "AAL3_ANY AAL2_ANY";
    how.acr_values_length = 17;
    how.max_age = 300;
    CHECK(wardcard_request_sign_in_begin(request, back, sizeof back - 1, &how) == WARDCARD_OK);
    CHECK(wardcard_request_sign_in_url(request, NULL, 0, &length) ==
          WARDCARD_ERROR_BUFFER_TOO_SMALL);
    CHECK(length > 100 && length < ROOM);
    CHECK(wardcard_request_sign_in_url(request, url, length, &length) == WARDCARD_OK);
    length = said("visit", url, length, answer);
    CHECK(wardcard_request_sign_in_finish(request, answer, length, &passcode, NULL, NULL) ==
          WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_request_sign_in_finish(request, answer, length, &passcode, &card, &tokens) ==
          WARDCARD_OK);
    CHECK(card != NULL && tokens != NULL);
    CHECK(wardcard_tokens_read(tokens, WARDCARD_TOKEN_ACCESS, url, ROOM, &length) == WARDCARD_OK);
    CHECK(length == 43);
    CHECK(wardcard_tokens_read(tokens, WARDCARD_TOKEN_ID, url, 1, &length) ==
          WARDCARD_ERROR_BUFFER_TOO_SMALL);
    CHECK(wardcard_tokens_read(tokens, WARDCARD_TOKEN_REFRESH, url, ROOM, &length) ==
          WARDCARD_ERROR_NO_SUCH_KEY);
    CHECK(wardcard_tokens_read(tokens, 99, url, ROOM, &length) == WARDCARD_ERROR_NO_SUCH_KEY);
    CHECK(wardcard_tokens_read(NULL, WARDCARD_TOKEN_ID, url, ROOM, &length) ==
          WARDCARD_ERROR_ARGUMENT);
    wardcard_tokens_free(tokens);
    wardcard_tokens_free(NULL);

    /* It serves once; a redirect of another sign-in serves none. */
    length = strlen(answer);
    tokens = NULL;
    CHECK(wardcard_request_sign_in_finish(request, answer, length, &passcode, &card, &tokens) ==
          WARDCARD_ERROR_REQUEST);
    wardcard_request_free(request);
    request = request_of(host->agent);
    CHECK(wardcard_request_sign_in_begin(request, back, sizeof back - 1, NULL) == WARDCARD_OK);
    CHECK(wardcard_request_sign_in_finish(request, answer, length - 1, &passcode, &card, NULL) ==
          WARDCARD_ERROR_PROOF);
    wardcard_request_free(request);
    CHECK(tokens == NULL);

    /* Signed out at the provider. */
    length = said("logout", "now", 3, answer);
    CHECK(wardcard_agent_logout_token(NULL, answer, length, &ended) == WARDCARD_ERROR_ARGUMENT);
    CHECK(wardcard_agent_logout_token(host->agent, answer, length - 1, &ended) ==
          WARDCARD_ERROR_PROOF);
    CHECK(ended == 9);
    CHECK(wardcard_agent_logout_token(host->agent, answer, length, &ended) == WARDCARD_OK);
    CHECK(ended == 1);
    CHECK(wardcard_agent_logout_token(host->agent, answer, length, NULL) == WARDCARD_ERROR_REPLAY);
    CHECK(wardcard_card_lock(card) == WARDCARD_ERROR_CARD_GONE);
    wardcard_card_free(card);
    free(answer);
    free(url);
}
