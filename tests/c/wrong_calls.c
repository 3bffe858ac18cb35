/* Wrong calls. Each breaks another rule, and gets the code that the named section of the base
 * specification (PKCS#11 3.1; 3.2 where it says so) gives for it.
 *
 *   wrong_calls MODULE PASSCODE
 *
 * A blank card is initialised first. Says `kept` with the number of cases, or each that was not.
 */
#include "table.h"

#define X(name, number) name = number,
enum { RETURN_VALUES(X) };
#undef X

#define SO_PASSCODE "87654321"
/* Beyond 32 bits, where there are more. */
#define MANY (1UL << (sizeof(ulong) > 4 ? 32 : 31))
#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct table *p;
static ulong cases, kept;
static const char *seen[512];

/* A session to read and write, logged in; one that only reads; keys of a session. */
static ulong slot, S, R, rsa, rsa_public, ec, ec_public, aes, secret, no_use, data;
static const char *passcode;

static byte in[128], out[1024];
static ulong length, handle, other;
static byte yes = 1, no = 0;

static const char *name_of(ulong rv) {
#define X(name, number) {#name, number},
    static const struct {
        const char *name;
        ulong number;
    } names[] = {RETURN_VALUES(X)};
#undef X
    static char unknown[32];
    unsigned one;
    for (one = 0; one < COUNT(names); one++)
        if (names[one].number == rv) return names[one].name;
    snprintf(unknown, sizeof unknown, "%#lx", rv);
    return unknown;
}

enum {
    EVERYTHING = CKF_FIND_OBJECTS | CKF_ENCRYPT | CKF_DECRYPT | CKF_DIGEST | CKF_SIGN
        | CKF_SIGN_RECOVER | CKF_VERIFY | CKF_VERIFY_RECOVER
};

/* One case. Whatever it began is ended. */
static void wrong(const char *section, const char *rule, ulong expected, ulong rv) {
    char *both = malloc(strlen(section) + strlen(rule) + 2);
    ulong one;
    if (!both) exit(2);
    sprintf(both, "%s %s", section, rule);
    for (one = 0; one < cases; one++)
        if (strcmp(seen[one], both) == 0) {
            printf("%s: twice\n", both);
            exit(1);
        }
    seen[cases++] = both;
    if (rv == expected)
        kept++;
    else
        printf("%s: %s and not %s\n", both, name_of(rv), name_of(expected));
    if (S) {
        p->C_SessionCancel(S, EVERYTHING);
        p->C_SessionCancel(R, EVERYTHING);
    }
    length = sizeof out;
}

static void must(const char *what, ulong rv) {
    if (rv == CKR_OK) return;
    printf("%s: %s\n", what, name_of(rv));
    exit(1);
}

/* A mechanism without and one with a parameter; they live until the next but seven of them. */
static mechanism *with(ulong kind, void *parameter, ulong size) {
    static mechanism ring[8];
    static unsigned next;
    mechanism *one = &ring[next++ % COUNT(ring)];
    one->mechanism = kind;
    one->parameter = parameter;
    one->length = size;
    return one;
}

static mechanism *plain(ulong kind) {
    return with(kind, 0, 0);
}

static ulong class_data = CKO_DATA, class_certificate = CKO_CERTIFICATE,
             class_public = CKO_PUBLIC_KEY, class_private = CKO_PRIVATE_KEY,
             class_secret = CKO_SECRET_KEY, class_unknown = 0x7777, class_profile = CKO_PROFILE;
static ulong type_rsa = CKK_RSA, type_ec = CKK_EC, type_aes = CKK_AES,
             type_secret = CKK_GENERIC_SECRET;
static byte p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
static byte no_curve[] = {6, 3, 0x2a, 3, 4};
static byte exponent[] = {1, 0, 1};

/* An attribute of a variable, of bytes, of text. */
#define OF(type, variable) {type, &(variable), sizeof(variable)}
#define TEXT(type, text) {type, text, sizeof(text) - 1}
/* A template, and how many attributes it has. */
#define TEMPLATE(...) (attribute[]){__VA_ARGS__}, COUNT(((attribute[]){__VA_ARGS__}))
#define NOTHING (attribute *)0, 0

static void keys(void) {
    ulong bits = 2048, size = 32;
    byte value[32] = {7};
    must("an RSA pair", p->C_GenerateKeyPair(S, plain(CKM_RSA_PKCS_KEY_PAIR_GEN),
         TEMPLATE(OF(CKA_MODULUS_BITS, bits), OF(CKA_PUBLIC_EXPONENT, exponent)), NOTHING,
         &rsa_public, &rsa));
    must("an EC pair", p->C_GenerateKeyPair(S, plain(CKM_EC_KEY_PAIR_GEN),
         TEMPLATE(OF(CKA_EC_PARAMS, p256)), TEMPLATE(OF(CKA_DERIVE, yes)), &ec_public, &ec));
    must("an AES key", p->C_GenerateKey(S, plain(CKM_AES_KEY_GEN),
         TEMPLATE(OF(CKA_VALUE_LEN, size), OF(CKA_EXTRACTABLE, no), OF(CKA_WRAP, yes),
                  OF(CKA_UNWRAP, yes), OF(CKA_ENCRYPT, yes), OF(CKA_DECRYPT, yes)), &aes));
    must("a secret", p->C_CreateObject(S, TEMPLATE(OF(CKA_CLASS, class_secret),
         OF(CKA_KEY_TYPE, type_secret), OF(CKA_SIGN, yes), OF(CKA_VERIFY, yes),
         OF(CKA_DERIVE, yes), OF(CKA_EXTRACTABLE, yes), OF(CKA_VALUE, value)), &secret));
    must("a key for nothing", p->C_CreateObject(S, TEMPLATE(OF(CKA_CLASS, class_secret),
         OF(CKA_KEY_TYPE, type_aes), OF(CKA_SIGN, no), OF(CKA_VERIFY, no), OF(CKA_ENCRYPT, no),
         OF(CKA_DECRYPT, no), OF(CKA_WRAP, no), OF(CKA_UNWRAP, no), OF(CKA_DERIVE, no),
         OF(CKA_VALUE, value)), &no_use));
    must("data", p->C_CreateObject(S, TEMPLATE(OF(CKA_CLASS, class_data), TEXT(CKA_LABEL, "data"),
         OF(CKA_MODIFIABLE, no), OF(CKA_COPYABLE, no), OF(CKA_DESTROYABLE, no)), &data));
}

#include "wrong_calls/general.h"
#include "wrong_calls/objects.h"
#include "wrong_calls/operations.h"
#include "wrong_calls/keys.h"

/* The table of 3.2. */
static void load(const char *module) {
    struct {
        void *name;
        struct table *table;
        ulong flags;
    } *interface;
    ulong (*get)(const char *, byte *, void *, ulong);
    byte version[2] = {3, 2};
    void *library = dlopen(module, RTLD_NOW);
    if (!library) exit(2);
    *(void **)&get = dlsym(library, "C_GetInterface");
    if (!get || get("PKCS 11", version, &interface, 0) != CKR_OK) exit(2);
    p = interface->table;
}

int main(int count, char **argument) {
    if (count != 3) return 2;
    alarm(100);
    passcode = argument[2];
    length = sizeof out;
    load(argument[1]);
    before_initialize();
    must("initialize", p->C_Initialize(0));
    slots();
    sessions();
    keys();
    logins();
    objects();
    operations();
    key_management();
    must("finalize", p->C_Finalize(0));
    printf("%s %lu of %lu\n", kept == cases ? "kept" : "broken", kept, cases);
    return kept != cases;
}
