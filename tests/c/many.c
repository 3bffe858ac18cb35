/* Many threads of one application, each with a session and keys of its own, do a little of
 * everything; what comes out is verified.
 *
 *   many MODULE THREADS OPERATIONS PASSCODE
 */
#include <pthread.h>
#include <stdatomic.h>

#include "table.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define OF(type, variable) {type, &(variable), sizeof(variable)}
#define TEMPLATE(...) (attribute[]){__VA_ARGS__}, COUNT(((attribute[]){__VA_ARGS__}))

static struct table *p;
static ulong slot, token_key, token_public;
static int operations;
static atomic_ulong wrong;
static byte digest_of_data[32];
static byte data[100] = "what every thread digests, signs and encrypts";

/* SHA-256 of one block of "abc", as FIPS 180-4 gives it. */
static const byte abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                             0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                             0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};

static void expect(const char *what, int kept, ulong rv) {
    if (kept) return;
    if (atomic_fetch_add(&wrong, 1) < 10) printf("%s: %#lx\n", what, rv);
}

#define OK(call)                               \
    do {                                       \
        ulong rv_ = (call);                    \
        expect(#call, rv_ == 0, rv_);          \
        if (rv_) return;                       \
    } while (0)

struct own {
    ulong session, aes, secret, number;
};

static void digest(struct own *own) {
    mechanism sha256 = {CKM_SHA256, 0, 0};
    byte out[32];
    ulong length = sizeof out;
    OK(p->C_DigestInit(own->session, &sha256));
    if (own->number % 2) {
        OK(p->C_Digest(own->session, data, sizeof data, out, &length));
    } else {
        OK(p->C_DigestUpdate(own->session, data, 33));
        OK(p->C_DigestUpdate(own->session, data + 33, sizeof data - 33));
        OK(p->C_DigestFinal(own->session, out, &length));
    }
    expect("digest", length == 32 && memcmp(out, digest_of_data, 32) == 0, length);
}

/* In place, there and back. */
static void encrypt(struct own *own) {
    byte iv[16] = {1}, buffer[128];
    mechanism cbc = {CKM_AES_CBC_PAD, iv, sizeof iv};
    ulong length = sizeof buffer;
    memcpy(buffer, data, sizeof data);
    iv[1] = (byte)own->number;
    OK(p->C_EncryptInit(own->session, &cbc, own->aes));
    OK(p->C_Encrypt(own->session, buffer, sizeof data, buffer, &length));
    expect("ciphertext", length == 112 && memcmp(buffer, data, 16) != 0, length);
    OK(p->C_DecryptInit(own->session, &cbc, own->aes));
    OK(p->C_Decrypt(own->session, buffer, length, buffer, &length));
    expect("plaintext", length == sizeof data && memcmp(buffer, data, length) == 0, length);
}

static void authenticate(struct own *own) {
    mechanism hmac = {CKM_SHA256_HMAC, 0, 0};
    byte code[32];
    ulong length = sizeof code, rv;
    OK(p->C_SignInit(own->session, &hmac, own->secret));
    OK(p->C_Sign(own->session, data, sizeof data, code, &length));
    OK(p->C_VerifyInit(own->session, &hmac, own->secret));
    OK(p->C_Verify(own->session, data, sizeof data, code, length));
    code[5] ^= 1;
    OK(p->C_VerifyInit(own->session, &hmac, own->secret));
    rv = p->C_Verify(own->session, data, sizeof data, code, length);
    expect("a code of something else", rv == 0xc0, rv);
}

static void sign(struct own *own) {
    mechanism ecdsa = {CKM_ECDSA_SHA256, 0, 0};
    byte signature[64];
    ulong length = sizeof signature;
    OK(p->C_SignInit(own->session, &ecdsa, token_key));
    OK(p->C_Sign(own->session, data, sizeof data, signature, &length));
    OK(p->C_VerifyInit(own->session, &ecdsa, token_public));
    OK(p->C_Verify(own->session, data, sizeof data, signature, length));
}

/* An object of one's own is found by its id, and no other's. */
static void object(struct own *own) {
    ulong class = CKO_DATA, made, found[4], count = 0;
    byte value[sizeof(ulong)];
    attribute ask = {CKA_VALUE, value, sizeof value};
    OK(p->C_CreateObject(own->session, TEMPLATE(OF(CKA_CLASS, class),
                                                OF(CKA_LABEL, own->session),
                                                OF(CKA_VALUE, own->number)), &made));
    OK(p->C_FindObjectsInit(own->session, TEMPLATE(OF(CKA_CLASS, class),
                                                   OF(CKA_LABEL, own->session))));
    OK(p->C_FindObjects(own->session, found, COUNT(found), &count));
    OK(p->C_FindObjectsFinal(own->session));
    expect("found", count == 1 && found[0] == made, count);
    OK(p->C_GetAttributeValue(own->session, made, &ask, 1));
    expect("value", memcmp(value, &own->number, sizeof value) == 0, own->number);
    OK(p->C_DestroyObject(own->session, made));
}

static void session(struct own *own) {
    ulong more;
    byte random[2][16] = {{0}};
    OK(p->C_OpenSession(slot, CKF_SERIAL_SESSION, 0, 0, &more));
    OK(p->C_GenerateRandom(more, random[0], 16));
    OK(p->C_GenerateRandom(own->session, random[1], 16));
    expect("random", memcmp(random[0], random[1], 16) != 0, 0);
    OK(p->C_CloseSession(more));
}

static void begin(struct own *own) {
    static byte yes = 1;
    mechanism aes = {CKM_AES_KEY_GEN, 0, 0}, secret = {CKM_GENERIC_SECRET_KEY_GEN, 0, 0};
    ulong size = 32;
    OK(p->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, 0, 0, &own->session));
    OK(p->C_GenerateKey(own->session, &aes,
                        TEMPLATE(OF(CKA_VALUE_LEN, size), OF(CKA_ENCRYPT, yes),
                                 OF(CKA_DECRYPT, yes)), &own->aes));
    OK(p->C_GenerateKey(own->session, &secret,
                        TEMPLATE(OF(CKA_VALUE_LEN, size), OF(CKA_SIGN, yes),
                                 OF(CKA_VERIFY, yes)), &own->secret));
}

static void *work(void *nothing) {
    static void (*const kinds[])(struct own *) = {digest, encrypt, authenticate, object, session};
    struct own own = {0};
    begin(&own);
    for (own.number = 0; own.number < (ulong)operations; own.number++) {
        if (own.number % 50 == 49)
            sign(&own);
        else
            kinds[own.number % COUNT(kinds)](&own);
    }
    expect("close", p->C_CloseSession(own.session) == 0, 0);
    return nothing;
}

static void find(ulong own, ulong class, ulong *key) {
    ulong type = CKK_EC, count = 0;
    OK(p->C_FindObjectsInit(own, TEMPLATE(OF(CKA_CLASS, class), OF(CKA_KEY_TYPE, type))));
    OK(p->C_FindObjects(own, key, 1, &count));
    OK(p->C_FindObjectsFinal(own));
    expect("an EC key", count == 1, count);
}

static void prepare(const char *passcode) {
    mechanism sha256 = {CKM_SHA256, 0, 0};
    ulong count = 1, own, length = 32;
    byte text[3] = {'a', 'b', 'c'};
    OK(p->C_Initialize(0));
    /* There may be more slots; the first has the card. */
    (void)p->C_GetSlotList(1, &slot, &count);
    OK(p->C_OpenSession(slot, CKF_SERIAL_SESSION, 0, 0, &own));
    OK(p->C_Login(own, CKU_USER, (byte *)passcode, strlen(passcode)));
    find(own, CKO_PRIVATE_KEY, &token_key);
    find(own, CKO_PUBLIC_KEY, &token_public);
    OK(p->C_DigestInit(own, &sha256));
    OK(p->C_Digest(own, text, 3, digest_of_data, &length));
    expect("SHA-256", memcmp(digest_of_data, abc, 32) == 0, length);
    OK(p->C_DigestInit(own, &sha256));
    OK(p->C_Digest(own, data, sizeof data, digest_of_data, &length));
}

int main(int count, char **argument) {
    struct {
        void *name;
        struct table *table;
        ulong flags;
    } *interface;
    ulong (*get)(const char *, void *, void *, ulong);
    pthread_t threads[256];
    int number, one;
    void *library;
    if (count != 5) return 2;
    number = atoi(argument[2]);
    operations = atoi(argument[3]);
    if (number < 1 || number > (int)COUNT(threads)) return 2;
    alarm(110);
    library = dlopen(argument[1], RTLD_NOW);
    if (!library) return 2;
    *(void **)&get = dlsym(library, "C_GetInterface");
    if (!get || get("PKCS 11", 0, &interface, 0) != 0) return 2;
    p = interface->table;
    prepare(argument[4]);
    for (one = 0; one < number; one++)
        if (pthread_create(&threads[one], 0, work, 0) != 0) return 4;
    for (one = 0; one < number; one++) pthread_join(threads[one], 0);
    expect("finalize", p->C_Finalize(0) == 0, 0);
    printf("wrong %lu of %lu\n", atomic_load(&wrong), (ulong)number * (ulong)operations);
    return atomic_load(&wrong) != 0;
}
