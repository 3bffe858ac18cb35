/* Ciphers, digests, signatures and their verification: sections 5.2, 5.8, 5.10, 5.12, 5.13, 5.15
 * and 5.17. */

static struct {
    void *iv;
    ulong iv_length, iv_bits;
    void *aad;
    ulong aad_length, tag_bits;
} gcm;
static struct {
    ulong bits;
    byte block[16];
} counter;
static struct {
    ulong hash, mgf, salt;
} pss;
static struct {
    ulong hash, mgf, source;
    void *label;
    ulong label_length;
} oaep;

static void ciphers(void) {
    gcm.iv = in;
    gcm.iv_length = 12;
    gcm.tag_bits = 128;
    counter.bits = 32;
    oaep.hash = CKM_SHA256;
    oaep.mgf = CKG_MGF1_SHA256;
    oaep.source = CKZ_DATA_SPECIFIED;
#define ENCRYPT(rule, expected, by, key) \
    wrong("5.8.1", rule, expected, p->C_EncryptInit(S, by, key))
    wrong("5.8.1", "no session", CKR_SESSION_HANDLE_INVALID,
          p->C_EncryptInit(0, plain(CKM_AES_ECB), aes));
    ENCRYPT("no key", CKR_KEY_HANDLE_INVALID, plain(CKM_AES_ECB), 0);
    ENCRYPT("what is no key", CKR_KEY_HANDLE_INVALID, plain(CKM_AES_ECB), data);
    ENCRYPT("an unknown mechanism", CKR_MECHANISM_INVALID, plain(0x7777), aes);
    ENCRYPT("a mechanism for signatures", CKR_MECHANISM_INVALID, plain(CKM_SHA256_RSA_PKCS), aes);
    ENCRYPT("a mechanism for other keys", CKR_KEY_TYPE_INCONSISTENT, plain(CKM_AES_ECB),
            rsa_public);
    ENCRYPT("a key that may not", CKR_KEY_FUNCTION_NOT_PERMITTED, plain(CKM_AES_ECB), no_use);
    ENCRYPT("no initial value", CKR_MECHANISM_PARAM_INVALID, plain(CKM_AES_CBC), aes);
    ENCRYPT("a short initial value", CKR_MECHANISM_PARAM_INVALID, with(CKM_AES_CBC, in, 15), aes);
    ENCRYPT("an initial value from nowhere", CKR_MECHANISM_PARAM_INVALID,
            with(CKM_AES_CBC, 0, 16), aes);
    ENCRYPT("a parameter where none belongs", CKR_MECHANISM_PARAM_INVALID,
            with(CKM_AES_ECB, in, 16), aes);
    counter.bits = 0;
    ENCRYPT("a counter of no bits", CKR_MECHANISM_PARAM_INVALID,
            with(CKM_AES_CTR, &counter, sizeof counter), aes);
    counter.bits = 129;
    ENCRYPT("a counter of too many bits", CKR_MECHANISM_PARAM_INVALID,
            with(CKM_AES_CTR, &counter, sizeof counter), aes);
    gcm.tag_bits = 7;
    ENCRYPT("a tag of seven bits", CKR_MECHANISM_PARAM_INVALID,
            with(CKM_AES_GCM, &gcm, sizeof gcm), aes);
    gcm.tag_bits = 128;
    gcm.aad_length = 1;
    ENCRYPT("additional data from nowhere", CKR_MECHANISM_PARAM_INVALID,
            with(CKM_AES_GCM, &gcm, sizeof gcm), aes);
    gcm.aad_length = 0;
    gcm.iv_length = ~0UL;
    ENCRYPT("an initial value without end", CKR_MECHANISM_PARAM_INVALID,
            with(CKM_AES_GCM, &gcm, sizeof gcm), aes);
    gcm.iv_length = 12;
    oaep.hash = 0x7777;
    ENCRYPT("an unknown hash of OAEP", CKR_MECHANISM_PARAM_INVALID,
            with(CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep), rsa_public);
    oaep.hash = CKM_SHA256;
    must("init", p->C_EncryptInit(S, plain(CKM_AES_ECB), aes));
    ENCRYPT("while another goes on", CKR_OPERATION_ACTIVE, plain(CKM_AES_ECB), aes);
#undef ENCRYPT
    wrong("5.8.2", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_Encrypt(S, in, 16, out, &length));
    must("init", p->C_EncryptInit(S, plain(CKM_AES_ECB), aes));
    wrong("5.8.2", "part of a block", CKR_DATA_LEN_RANGE, p->C_Encrypt(S, in, 15, out, &length));
    must("init", p->C_EncryptInit(S, plain(CKM_AES_ECB), aes));
    wrong("5.8.2", "no length", CKR_ARGUMENTS_BAD, p->C_Encrypt(S, in, 16, out, 0));
    must("init", p->C_EncryptInit(S, plain(CKM_AES_ECB), aes));
    wrong("5.8.2", "data from nowhere", CKR_ARGUMENTS_BAD, p->C_Encrypt(S, 0, 16, out, &length));
    must("init", p->C_EncryptInit(S, plain(CKM_AES_ECB), aes));
    length = 15;
    wrong("5.2", "too little room for a block", CKR_BUFFER_TOO_SMALL,
          p->C_Encrypt(S, in, 16, out, &length));
    must("init", p->C_EncryptInit(S, plain(CKM_RSA_PKCS), rsa_public));
    wrong("5.8.2", "more than the key takes", CKR_DATA_LEN_RANGE,
          p->C_Encrypt(S, out, 300, out + 400, &length));
    wrong("5.8.3", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_EncryptUpdate(S, in, 16, out, &length));
    wrong("5.8.4", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_EncryptFinal(S, out, &length));
    must("init", p->C_EncryptInit(S, plain(CKM_AES_ECB), aes));
    must("update", p->C_EncryptUpdate(S, in, 7, out, &length));
    length = sizeof out;
    wrong("5.8.4", "part of a block", CKR_DATA_LEN_RANGE, p->C_EncryptFinal(S, out, &length));

    wrong("5.10.1", "no key", CKR_KEY_HANDLE_INVALID, p->C_DecryptInit(S, plain(CKM_AES_ECB), 0));
    wrong("5.10.1", "a mechanism for other keys", CKR_KEY_TYPE_INCONSISTENT,
          p->C_DecryptInit(S, plain(CKM_RSA_PKCS), aes));
    wrong("5.10.1", "a key that may not", CKR_KEY_FUNCTION_NOT_PERMITTED,
          p->C_DecryptInit(S, plain(CKM_AES_ECB), no_use));
    wrong("5.10.1", "a mechanism for digests", CKR_MECHANISM_INVALID,
          p->C_DecryptInit(S, plain(CKM_SHA256), aes));
    wrong("5.10.2", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_Decrypt(S, in, 16, out, &length));
    must("init", p->C_DecryptInit(S, plain(CKM_AES_ECB), aes));
    wrong("5.10.2", "part of a block", CKR_ENCRYPTED_DATA_LEN_RANGE,
          p->C_Decrypt(S, in, 15, out, &length));
    must("init", p->C_DecryptInit(S, with(CKM_AES_CBC_PAD, in, 16), aes));
    wrong("5.10.2", "padding that is none", CKR_ENCRYPTED_DATA_INVALID,
          p->C_Decrypt(S, in, 16, out, &length));
    must("init", p->C_DecryptInit(S, with(CKM_AES_GCM, &gcm, sizeof gcm), aes));
    wrong("5.10.2", "a tag that does not fit", CKR_ENCRYPTED_DATA_INVALID,
          p->C_Decrypt(S, in, 32, out, &length));
    must("init", p->C_DecryptInit(S, plain(CKM_RSA_PKCS), rsa));
    wrong("5.10.2", "another length than the key's", CKR_ENCRYPTED_DATA_LEN_RANGE,
          p->C_Decrypt(S, in, 16, out, &length));
    wrong("5.10.3", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_DecryptUpdate(S, in, 16, out, &length));
    wrong("5.10.4", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_DecryptFinal(S, out, &length));
}

static void digests(void) {
    wrong("5.12.1", "an unknown mechanism", CKR_MECHANISM_INVALID, p->C_DigestInit(S, plain(0x7777)));
    wrong("5.12.1", "a mechanism for signatures", CKR_MECHANISM_INVALID,
          p->C_DigestInit(S, plain(CKM_RSA_PKCS)));
    wrong("5.12.1", "a parameter where none belongs", CKR_MECHANISM_PARAM_INVALID,
          p->C_DigestInit(S, with(CKM_SHA256, in, 8)));
    wrong("5.12.1", "no session", CKR_SESSION_HANDLE_INVALID, p->C_DigestInit(0, plain(CKM_SHA256)));
    must("init", p->C_DigestInit(S, plain(CKM_SHA256)));
    wrong("5.12.1", "while another goes on", CKR_OPERATION_ACTIVE,
          p->C_DigestInit(S, plain(CKM_SHA256)));
    wrong("5.12.2", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_Digest(S, in, 8, out, &length));
    must("init", p->C_DigestInit(S, plain(CKM_SHA256)));
    length = 31;
    wrong("5.2", "too little room for a digest", CKR_BUFFER_TOO_SMALL,
          p->C_Digest(S, in, 8, out, &length));
    must("init", p->C_DigestInit(S, plain(CKM_SHA256)));
    must("update", p->C_DigestUpdate(S, in, 8));
    wrong("5.12.2", "after a part", CKR_OPERATION_ACTIVE, p->C_Digest(S, in, 8, out, &length));
    wrong("5.12.3", "without an init", CKR_OPERATION_NOT_INITIALIZED, p->C_DigestUpdate(S, in, 8));
    must("init", p->C_DigestInit(S, plain(CKM_SHA256)));
    wrong("5.12.3", "a part from nowhere", CKR_ARGUMENTS_BAD, p->C_DigestUpdate(S, 0, 8));
    wrong("5.12.4", "without an init", CKR_OPERATION_NOT_INITIALIZED, p->C_DigestKey(S, secret));
    must("init", p->C_DigestInit(S, plain(CKM_SHA256)));
    wrong("5.12.4", "no key", CKR_KEY_HANDLE_INVALID, p->C_DigestKey(S, 0));
    must("init", p->C_DigestInit(S, plain(CKM_SHA256)));
    wrong("5.12.4", "a key that is no secret", CKR_KEY_INDIGESTIBLE, p->C_DigestKey(S, rsa));
    wrong("5.12.5", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_DigestFinal(S, out, &length));
}

static void signatures(void) {
    ulong general = 33;
    pss.hash = CKM_SHA256;
    pss.mgf = CKG_MGF1_SHA256;
    pss.salt = 32;
#define SIGN(rule, expected, by, key) wrong("5.13.1", rule, expected, p->C_SignInit(S, by, key))
    wrong("5.13.1", "no session", CKR_SESSION_HANDLE_INVALID,
          p->C_SignInit(0, plain(CKM_RSA_PKCS), rsa));
    SIGN("no key", CKR_KEY_HANDLE_INVALID, plain(CKM_RSA_PKCS), 0);
    SIGN("what is no key", CKR_KEY_HANDLE_INVALID, plain(CKM_RSA_PKCS), data);
    SIGN("an EC mechanism with an RSA key", CKR_KEY_TYPE_INCONSISTENT, plain(CKM_ECDSA), rsa);
    SIGN("an RSA mechanism with an EC key", CKR_KEY_TYPE_INCONSISTENT, plain(CKM_RSA_PKCS), ec);
    SIGN("a public key", CKR_KEY_FUNCTION_NOT_PERMITTED, plain(CKM_RSA_PKCS), rsa_public);
    SIGN("a key that may not", CKR_KEY_FUNCTION_NOT_PERMITTED, plain(CKM_AES_CMAC), no_use);
    SIGN("a mechanism for digests", CKR_MECHANISM_INVALID, plain(CKM_SHA256), rsa);
    SIGN("a parameter where none belongs", CKR_MECHANISM_PARAM_INVALID,
         with(CKM_SHA256_RSA_PKCS, in, 8), rsa);
    SIGN("no parameter where one belongs", CKR_MECHANISM_PARAM_INVALID, plain(CKM_RSA_PKCS_PSS),
         rsa);
    SIGN("a parameter of another size", CKR_MECHANISM_PARAM_INVALID,
         with(CKM_RSA_PKCS_PSS, &pss, sizeof pss - 1), rsa);
    pss.hash = CKM_SHA384;
    SIGN("another hash than the mechanism's", CKR_MECHANISM_PARAM_INVALID,
         with(CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss), rsa);
    pss.hash = CKM_SHA256;
    pss.salt = ~0UL;
    SIGN("salt without end", CKR_MECHANISM_PARAM_INVALID,
         with(CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss), rsa);
    pss.salt = 32;
    SIGN("more of a hash than it has", CKR_MECHANISM_PARAM_INVALID,
         with(CKM_SHA256_HMAC_GENERAL, &general, sizeof general), secret);
    must("init", p->C_SignInit(S, plain(CKM_SHA256_RSA_PKCS), rsa));
    SIGN("while another goes on", CKR_OPERATION_ACTIVE, plain(CKM_SHA256_RSA_PKCS), rsa);
#undef SIGN
    wrong("5.13.2", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_Sign(S, in, 8, out, &length));
    must("init", p->C_SignInit(S, plain(CKM_RSA_PKCS), rsa));
    wrong("5.13.2", "more than the key takes", CKR_DATA_LEN_RANGE,
          p->C_Sign(S, out, 300, out + 400, &length));
    must("init", p->C_SignInit(S, plain(CKM_SHA256_RSA_PKCS), rsa));
    wrong("5.13.2", "no length", CKR_ARGUMENTS_BAD, p->C_Sign(S, in, 8, out, 0));
    must("init", p->C_SignInit(S, plain(CKM_SHA256_RSA_PKCS), rsa));
    must("update", p->C_SignUpdate(S, in, 8));
    wrong("5.13.2", "after a part", CKR_OPERATION_ACTIVE, p->C_Sign(S, in, 8, out, &length));
    must("init", p->C_SignInit(S, plain(CKM_ECDSA_SHA256), ec));
    length = 63;
    wrong("5.2", "too little room for a signature", CKR_BUFFER_TOO_SMALL,
          p->C_Sign(S, in, 8, out, &length));
    wrong("5.13.3", "without an init", CKR_OPERATION_NOT_INITIALIZED, p->C_SignUpdate(S, in, 8));
    wrong("5.13.4", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_SignFinal(S, out, &length));
    must("init", p->C_SignInit(S, plain(CKM_SHA256_RSA_PKCS), rsa));
    wrong("5.13.3", "a part from nowhere", CKR_ARGUMENTS_BAD, p->C_SignUpdate(S, 0, 8));
}

static void verifications(void) {
    wrong("5.15.1", "no key", CKR_KEY_HANDLE_INVALID, p->C_VerifyInit(S, plain(CKM_RSA_PKCS), 0));
    wrong("5.15.1", "a mechanism for other keys", CKR_KEY_TYPE_INCONSISTENT,
          p->C_VerifyInit(S, plain(CKM_ECDSA), rsa_public));
    wrong("5.15.1", "a private key", CKR_KEY_FUNCTION_NOT_PERMITTED,
          p->C_VerifyInit(S, plain(CKM_RSA_PKCS), rsa));
    wrong("5.15.1", "a key that may not", CKR_KEY_FUNCTION_NOT_PERMITTED,
          p->C_VerifyInit(S, plain(CKM_AES_CMAC), no_use));
    wrong("5.15.1", "an unknown mechanism", CKR_MECHANISM_INVALID,
          p->C_VerifyInit(S, plain(0x7777), rsa_public));
    wrong("5.15.2", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_Verify(S, in, 8, out, 256));
    must("init", p->C_VerifyInit(S, plain(CKM_SHA256_RSA_PKCS), rsa_public));
    wrong("5.15.2", "a signature of something else", CKR_SIGNATURE_INVALID,
          p->C_Verify(S, in, 8, out, 256));
    must("init", p->C_VerifyInit(S, plain(CKM_SHA256_RSA_PKCS), rsa_public));
    wrong("5.15.2", "a signature of another length", CKR_SIGNATURE_LEN_RANGE,
          p->C_Verify(S, in, 8, out, 255));
    must("init", p->C_VerifyInit(S, plain(CKM_ECDSA_SHA256), ec_public));
    wrong("5.15.2", "a signature from nowhere", CKR_ARGUMENTS_BAD, p->C_Verify(S, in, 8, 0, 64));
    must("init", p->C_VerifyInit(S, plain(CKM_SHA256_HMAC), secret));
    wrong("5.15.2", "a code of something else", CKR_SIGNATURE_INVALID,
          p->C_Verify(S, in, 8, out, 32));
    wrong("5.15.3", "without an init", CKR_OPERATION_NOT_INITIALIZED, p->C_VerifyUpdate(S, in, 8));
    wrong("5.15.4", "without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_VerifyFinal(S, out, 256));
    wrong("5.15 of 3.2", "C_VerifySignature without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_VerifySignature(S, in, 8));
    wrong("5.15 of 3.2", "C_VerifySignatureUpdate without an init",
          CKR_OPERATION_NOT_INITIALIZED, p->C_VerifySignatureUpdate(S, in, 8));
    wrong("5.15 of 3.2", "C_VerifySignatureFinal without an init", CKR_OPERATION_NOT_INITIALIZED,
          p->C_VerifySignatureFinal(S));
    wrong("5.15 of 3.2", "C_VerifySignatureInit with a signature from nowhere", CKR_ARGUMENTS_BAD,
          p->C_VerifySignatureInit(S, plain(CKM_SHA256_RSA_PKCS), rsa_public, 0, 256));
    must("init", p->C_VerifySignatureInit(S, plain(CKM_SHA256_RSA_PKCS), rsa_public, out, 256));
    wrong("5.15 of 3.2", "C_VerifySignature of something else", CKR_SIGNATURE_INVALID,
          p->C_VerifySignature(S, in, 8));
}

static void operations(void) {
    ciphers();
    digests();
    signatures();
    verifications();
}
