/* What every part of the contract needs: a check that tells its line, the host with its callbacks,
 * and a request that is proven. */
static unsigned checks;

static void expect(int holds, const char *what, const char *file, int line)
{
    checks++;
    if (!holds) {
        printf("broken at %s:%d: %s\n", file, line, what);
        exit(1);
    }
}

#define CHECK(condition) expect((condition), #condition, __FILE__, __LINE__)
#define ROOM 65536

/* What the callbacks saw, and what the passcode callback is to do. */
enum manner { ANSWER_AT_ONCE, ANSWER_LATER, DECLINE, SHAPELESS, STOP_MEANWHILE, MUST_NOT_ASK };

struct host {
    wardcard_agent *agent;
    enum manner manner;
    unsigned asked, told;
    wardcard_result last;
    uint64_t question;
    pthread_t helper;
};

static const char PASSCODE[] = "246813";

static void diagnostic(void *userdata, wardcard_result result, const char *text, size_t length)
{
    struct host *host = userdata;

    host->told++;
    host->last = result;
    CHECK(text != NULL && length > 0);
    CHECK(memchr(text, '\0', length) == NULL);
    CHECK(wardcard_result_text(result)[0] != '\0');
}

static void *answer(void *argument)
{
    struct host *host = argument;
    struct timespec moment = {0, 50 * 1000 * 1000};

    nanosleep(&moment, NULL);
    if (host->manner == STOP_MEANWHILE)
        CHECK(wardcard_agent_stop(host->agent) == WARDCARD_OK);
    else
        CHECK(wardcard_passcode_answer(host->agent, host->question, PASSCODE, 6) == WARDCARD_OK);
    return NULL;
}

static void passcode_wanted(void *userdata, uint64_t question, const char *person,
                            size_t person_length, size_t min, size_t max)
{
    struct host *host = userdata;
    wardcard_request *request = NULL;

    host->asked++;
    host->question = question;
    CHECK(host->manner != MUST_NOT_ASK);
    CHECK(person_length == 12 && memcmp(person, "555000000001", 12) == 0);
    CHECK(min == 6 && max == 8);
    CHECK(wardcard_passcode_answer(host->agent, question + 1, PASSCODE, 6) ==
          WARDCARD_ERROR_NO_SUCH_QUESTION);
    /* No lock is held: the library may be called from here. */
    CHECK(wardcard_request_new(host->agent, (uint32_t)getuid(), NULL, 0, &request) == WARDCARD_OK);
    wardcard_request_free(request);
    switch (host->manner) {
    case ANSWER_AT_ONCE:
        CHECK(wardcard_passcode_answer(host->agent, question, PASSCODE, 6) == WARDCARD_OK);
        CHECK(wardcard_passcode_answer(host->agent, question, PASSCODE, 6) ==
              WARDCARD_ERROR_NO_SUCH_QUESTION);
        break;
    case DECLINE:
        CHECK(wardcard_passcode_answer(host->agent, question, NULL, 0) == WARDCARD_OK);
        break;
    case SHAPELESS:
        CHECK(wardcard_passcode_answer(host->agent, question, "12", 2) == WARDCARD_OK);
        break;
    default:
        CHECK(pthread_create(&host->helper, NULL, answer, host) == 0);
    }
}

static wardcard_request *request_of(wardcard_agent *agent)
{
    wardcard_request *request = NULL;

    CHECK(wardcard_request_new(agent, (uint32_t)getuid(), NULL, 0, &request) == WARDCARD_OK);
    CHECK(request != NULL);
    return request;
}

/* Proves a fresh request with a token from the other side; the card, if one comes, in `card`. */
static wardcard_result prove(wardcard_agent *agent, const wardcard_passcode *passcode,
                             wardcard_card **card)
{
    wardcard_request *request = request_of(agent);
    char nonce[128];
    char *token = malloc(ROOM);
    size_t length = 0;
    wardcard_result result;

    CHECK(token != NULL);
    CHECK(wardcard_request_nonce(request, nonce, sizeof nonce, &length) == WARDCARD_OK);
    printf("token %.*s\n", (int)length, nonce);
    fflush(stdout);
    CHECK(fgets(token, ROOM, stdin) != NULL);
    length = strcspn(token, "\n");
    result = wardcard_request_prove(request, token, length, passcode, card);
    if (result == WARDCARD_OK)
        CHECK(wardcard_request_prove(request, token, length, passcode, card) ==
              WARDCARD_ERROR_REQUEST);
    wardcard_request_free(request);
    free(token);
    return result;
}
