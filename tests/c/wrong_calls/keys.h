/* Key management: section 5.18. */

static void key_management(void) {
    ulong odd = 17, thousand = 1000, good = 16;
    struct {
        ulong kdf, shared_length;
        void *shared;
        ulong public_length;
        void *public_data;
    } ecdh = {CKD_NULL, 0, 0, 65, in};
#define AES(...) p->C_GenerateKey(S, plain(CKM_AES_KEY_GEN), TEMPLATE(__VA_ARGS__), &handle)
    wrong("5.18.1", "no session", CKR_SESSION_HANDLE_INVALID,
          p->C_GenerateKey(0, plain(CKM_AES_KEY_GEN), TEMPLATE(OF(CKA_VALUE_LEN, good)), &handle));
    wrong("5.18.1", "nowhere to put it", CKR_ARGUMENTS_BAD,
          p->C_GenerateKey(S, plain(CKM_AES_KEY_GEN), TEMPLATE(OF(CKA_VALUE_LEN, good)), 0));
    wrong("5.18.1", "an unknown mechanism", CKR_MECHANISM_INVALID,
          p->C_GenerateKey(S, plain(0x7777), TEMPLATE(OF(CKA_VALUE_LEN, good)), &handle));
    wrong("5.18.1", "a mechanism for pairs", CKR_MECHANISM_INVALID,
          p->C_GenerateKey(S, plain(CKM_EC_KEY_PAIR_GEN), NOTHING, &handle));
    wrong("5.18.1", "a parameter where none belongs", CKR_MECHANISM_PARAM_INVALID,
          p->C_GenerateKey(S, with(CKM_AES_KEY_GEN, in, 4), TEMPLATE(OF(CKA_VALUE_LEN, good)),
                           &handle));
    wrong("5.18.1", "no length", CKR_TEMPLATE_INCOMPLETE, AES(OF(CKA_ENCRYPT, yes)));
    wrong("5.18.1", "a length that AES has not", CKR_ATTRIBUTE_VALUE_INVALID,
          AES(OF(CKA_VALUE_LEN, odd)));
    wrong("5.18.1", "another class", CKR_TEMPLATE_INCONSISTENT,
          AES(OF(CKA_VALUE_LEN, good), OF(CKA_CLASS, class_private)));
    wrong("5.18.1", "another type of key", CKR_TEMPLATE_INCONSISTENT,
          AES(OF(CKA_VALUE_LEN, good), OF(CKA_KEY_TYPE, type_rsa)));
    wrong("5.18.1", "on the card by a session that reads only", CKR_SESSION_READ_ONLY,
          p->C_GenerateKey(R, plain(CKM_AES_KEY_GEN),
                           TEMPLATE(OF(CKA_VALUE_LEN, good), OF(CKA_TOKEN, yes)), &handle));
#undef AES
#define PAIR(kind, public, ...) \
    p->C_GenerateKeyPair(S, plain(kind), public, TEMPLATE(__VA_ARGS__), &handle, &other)
#define OF_BITS(bits) (attribute[]){OF(CKA_MODULUS_BITS, bits)}, 1
    wrong("5.18.2", "a mechanism for secrets", CKR_MECHANISM_INVALID,
          PAIR(CKM_AES_KEY_GEN, OF_BITS(good), OF(CKA_SIGN, yes)));
    wrong("5.18.2", "no length of a modulus", CKR_TEMPLATE_INCOMPLETE,
          PAIR(CKM_RSA_PKCS_KEY_PAIR_GEN, NOTHING, OF(CKA_SIGN, yes)));
    wrong("5.18.2", "a modulus of 1000 bits", CKR_ATTRIBUTE_VALUE_INVALID,
          PAIR(CKM_RSA_PKCS_KEY_PAIR_GEN, OF_BITS(thousand), OF(CKA_SIGN, yes)));
    wrong("5.18.2", "no curve", CKR_TEMPLATE_INCOMPLETE,
          PAIR(CKM_EC_KEY_PAIR_GEN, NOTHING, OF(CKA_SIGN, yes)));
    wrong("5.18.2", "a curve that we have not", CKR_CURVE_NOT_SUPPORTED,
          p->C_GenerateKeyPair(S, plain(CKM_EC_KEY_PAIR_GEN), TEMPLATE(OF(CKA_EC_PARAMS, no_curve)),
                               NOTHING, &handle, &other));
    wrong("5.18.2", "nowhere to put the private key", CKR_ARGUMENTS_BAD,
          p->C_GenerateKeyPair(S, plain(CKM_EC_KEY_PAIR_GEN), TEMPLATE(OF(CKA_EC_PARAMS, p256)),
                               NOTHING, &handle, 0));
#undef PAIR
    wrong("5.18.3", "no wrapping key", CKR_WRAPPING_KEY_HANDLE_INVALID,
          p->C_WrapKey(S, plain(CKM_AES_KEY_WRAP), 0, secret, out, &length));
    wrong("5.18.3", "no key", CKR_KEY_HANDLE_INVALID,
          p->C_WrapKey(S, plain(CKM_AES_KEY_WRAP), aes, 0, out, &length));
    wrong("5.18.3", "a key that does not leave", CKR_KEY_UNEXTRACTABLE,
          p->C_WrapKey(S, plain(CKM_AES_KEY_WRAP), aes, aes, out, &length));
    wrong("5.18.3", "a wrapping key of another type", CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
          p->C_WrapKey(S, plain(CKM_AES_KEY_WRAP), rsa_public, secret, out, &length));
    wrong("5.18.3", "a wrapping key that may not", CKR_KEY_FUNCTION_NOT_PERMITTED,
          p->C_WrapKey(S, plain(CKM_AES_KEY_WRAP), no_use, secret, out, &length));
    wrong("5.18.3", "a mechanism for digests", CKR_MECHANISM_INVALID,
          p->C_WrapKey(S, plain(CKM_SHA256), aes, secret, out, &length));
    wrong("5.18.3", "no length", CKR_ARGUMENTS_BAD,
          p->C_WrapKey(S, plain(CKM_AES_KEY_WRAP), aes, secret, out, 0));
    length = 39;
    wrong("5.2", "too little room for a wrapped key", CKR_BUFFER_TOO_SMALL,
          p->C_WrapKey(S, plain(CKM_AES_KEY_WRAP), aes, secret, out, &length));
#define UNWRAP(by, key, size) \
    p->C_UnwrapKey(S, by, key, in, size, \
                   TEMPLATE(OF(CKA_CLASS, class_secret), OF(CKA_KEY_TYPE, type_aes)), &handle)
    wrong("5.18.4", "no unwrapping key", CKR_UNWRAPPING_KEY_HANDLE_INVALID,
          UNWRAP(plain(CKM_AES_KEY_WRAP), 0, 40));
    wrong("5.18.4", "an unwrapping key of another type", CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
          UNWRAP(plain(CKM_AES_KEY_WRAP), rsa, 40));
    wrong("5.18.4", "an unwrapping key that may not", CKR_KEY_FUNCTION_NOT_PERMITTED,
          UNWRAP(plain(CKM_AES_KEY_WRAP), no_use, 40));
    wrong("5.18.4", "what was never wrapped", CKR_WRAPPED_KEY_INVALID,
          UNWRAP(plain(CKM_AES_KEY_WRAP), aes, 40));
    wrong("5.18.4", "a length that nothing wrapped has", CKR_WRAPPED_KEY_LEN_RANGE,
          UNWRAP(plain(CKM_AES_KEY_WRAP), aes, 41));
    wrong("5.18.4", "a wrapped key from nowhere", CKR_ARGUMENTS_BAD,
          p->C_UnwrapKey(S, plain(CKM_AES_KEY_WRAP), aes, 0, 40, NOTHING, &handle));
    wrong("5.18.4", "nowhere to put it", CKR_ARGUMENTS_BAD,
          p->C_UnwrapKey(S, plain(CKM_AES_KEY_WRAP), aes, in, 40, NOTHING, 0));
#undef UNWRAP
#define DERIVE(by, key) \
    p->C_DeriveKey(S, by, key, \
                   TEMPLATE(OF(CKA_CLASS, class_secret), OF(CKA_KEY_TYPE, type_secret), \
                            OF(CKA_VALUE_LEN, good)), \
                   &handle)
    wrong("5.18.5", "no key", CKR_KEY_HANDLE_INVALID,
          DERIVE(with(CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh), 0));
    wrong("5.18.5", "a key of another type", CKR_KEY_TYPE_INCONSISTENT,
          DERIVE(with(CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh), rsa));
    wrong("5.18.5", "a point that is not on the curve", CKR_MECHANISM_PARAM_INVALID,
          DERIVE(with(CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh), ec));
    ecdh.public_data = 0;
    wrong("5.18.5", "a point from nowhere", CKR_MECHANISM_PARAM_INVALID,
          DERIVE(with(CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh), ec));
    wrong("5.18.5", "no parameter where one belongs", CKR_MECHANISM_PARAM_INVALID,
          DERIVE(plain(CKM_ECDH1_DERIVE), ec));
    wrong("5.18.5", "an unknown mechanism", CKR_MECHANISM_INVALID, DERIVE(plain(0x7777), ec));
    wrong("5.18.5", "a mechanism for digests", CKR_MECHANISM_INVALID,
          DERIVE(plain(CKM_SHA256), secret));
#undef DERIVE
}
