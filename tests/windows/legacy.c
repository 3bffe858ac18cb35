/* A legacy application of CIS1 in the order of calls that its known clients keep: the first slot
 * whether or not a card is there, a read-write session, the user's passcode, the private key that
 * decrypts, the certificate and the public key with its CKA_ID, and a challenge signed with SHA-1.
 *
 *   legacy DLL PASSCODE CHALLENGE     the challenge in hexadecimal digits; writes the slot's
 *                                     description, then certificate and signature in digits
 */
#include "cryptoki.h"

enum { CKA_VALUE = 0x11, CKA_LABEL = 0x3, CKA_ID = 0x102, CKA_DECRYPT = 0x105 };

/* All objects of a class, with an identifier where one is asked for. */
static ck_ulong list(ck_ulong session, ck_ulong class, struct ck_attribute *id, ck_ulong *objects,
                     ck_ulong room)
{
    struct ck_attribute wanted[2] = {{0, &class, sizeof class}};
    ck_ulong count = 0;
    if (id) wanted[1] = *id;
    OK(CALL(FIND_INIT, session, wanted, id ? 2ul : 1ul));
    OK(CALL(FIND, session, objects, room, &count));
    OK(CALL(FIND_FINAL, session));
    return count;
}

static ck_ulong one(ck_ulong session, ck_ulong class, struct ck_attribute *id)
{
    ck_ulong found[2], count = list(session, class, id, found, 2);
    if (count == 1) return found[0];
    printf("%lu objects of class %lu with the key's identifier\n", count, class);
    exit(1);
}

static struct ck_attribute read_attribute(ck_ulong session, ck_ulong object, ck_ulong type)
{
    struct ck_attribute asked = {type, NULL, 0};
    OK(CALL(ATTRIBUTES, session, object, &asked, 1ul));
    asked.value = malloc(asked.length + 1);
    if (!asked.value) exit(1);
    OK(CALL(ATTRIBUTES, session, object, &asked, 1ul));
    ((char *)asked.value)[asked.length] = 0;
    return asked;
}

static void digits(const char *name, const unsigned char *bytes, ck_ulong length)
{
    printf("%s ", name);
    while (length--) printf("%02x", *bytes++);
    printf("\n");
}

static ck_ulong challenge_of(const char *text, unsigned char *bytes, ck_ulong room)
{
    ck_ulong length = 0;
    unsigned value;
    for (; length < room && sscanf(text, "%2x", &value) == 1; text += 2) bytes[length++] = (unsigned char)value;
    return length;
}

int main(int count, char **word)
{
    unsigned char challenge[64], signature[512];
    struct ck_slot slot;
    ck_ulong slots[16], slot_count = 0, keys[16], key = 0, length = sizeof signature;
    if (count != 4) return 2;
    ck_ulong challenge_length = challenge_of(word[3], challenge, sizeof challenge);

    load(word[1]);
    OK(CALL(INITIALIZE, NULL));
    OK(CALL(SLOT_LIST, (unsigned char)0, NULL, &slot_count));
    if (slot_count > 16) return 1;
    OK(CALL(SLOT_LIST, (unsigned char)0, slots, &slot_count));
    OK(CALL(SLOT_INFO, slots[0], &slot));
    printf("slot %.64s\n", slot.description);
    ck_ulong session = session_at(slots[0]);
    OK(CALL(LOGIN, session, 1ul, word[2], (ck_ulong)strlen(word[2])));

    ck_ulong found = list(session, 3, NULL, keys, 16);
    for (ck_ulong n = 0; n < found && !key; n++) {
        unsigned char yes = 0;
        struct ck_attribute decrypts = {CKA_DECRYPT, &yes, 1};
        OK(CALL(ATTRIBUTES, session, keys[n], &decrypts, 1ul));
        if (yes) key = keys[n];
    }
    if (!key) {
        printf("no key decrypts\n");
        return 1;
    }
    struct ck_attribute id = read_attribute(session, key, CKA_ID);
    ck_ulong certificate = one(session, 1, &id), public_key = one(session, 2, &id);
    struct ck_attribute label = read_attribute(session, certificate, CKA_LABEL);
    if (!strstr(label.value, "CN=")) {
        printf("no CN in the label %s\n", (char *)label.value);
        return 1;
    }
    struct ck_attribute value = read_attribute(session, certificate, CKA_VALUE);
    digits("certificate", value.value, value.length);

    struct ck_mechanism sha1_rsa = {0x6, NULL, 0};
    OK(CALL(SIGN_INIT, session, &sha1_rsa, key));
    OK(CALL(SIGN, session, challenge, challenge_length, signature, &length));
    digits("signature", signature, length);
    OK(CALL(VERIFY_INIT, session, &sha1_rsa, public_key));
    OK(CALL(VERIFY, session, challenge, challenge_length, signature, length));
    OK(CALL(LOGOUT, session));
    OK(CALL(CLOSE_SESSION, session));
    OK(CALL(FINALIZE, NULL));
    printf("ok\n");
    return 0;
}
