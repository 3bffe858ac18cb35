/* Objects and their templates: sections 4.1 and 5.7. */

static void creations(void) {
    ulong four_bytes_of = 0x01010101, huge = MANY;
    unsigned bool_of_four = 1;
    attribute from_nowhere = {CKA_ID, 0, 4}, without_end = {CKA_ID, in, ~0UL};
    byte odd[17] = {0}, point[] = {4, 3, 4, 1, 1};
    attribute nested = {CKA_WRAP_TEMPLATE, &from_nowhere, sizeof from_nowhere};
#define CREATE(rule, expected, ...) \
    wrong("5.7.1", rule, expected, p->C_CreateObject(S, TEMPLATE(__VA_ARGS__), &handle))
    wrong("5.7.1", "no session", CKR_SESSION_HANDLE_INVALID,
          p->C_CreateObject(0, TEMPLATE(OF(CKA_CLASS, class_data)), &handle));
    wrong("5.7.1", "nowhere to put it", CKR_ARGUMENTS_BAD,
          p->C_CreateObject(S, TEMPLATE(OF(CKA_CLASS, class_data)), 0));
    wrong("5.7.1", "a template from nowhere", CKR_ARGUMENTS_BAD,
          p->C_CreateObject(S, 0, 1, &handle));
    wrong("5.7.1", "four thousand million attributes", CKR_ARGUMENTS_BAD,
          p->C_CreateObject(S, &from_nowhere, huge, &handle));
    wrong("5.7.1", "an empty template", CKR_TEMPLATE_INCOMPLETE,
          p->C_CreateObject(S, NOTHING, &handle));
    wrong("5.7.1", "on the card by a session that reads only", CKR_SESSION_READ_ONLY,
          p->C_CreateObject(R, TEMPLATE(OF(CKA_CLASS, class_data), OF(CKA_TOKEN, yes)), &handle));
    CREATE("no class", CKR_TEMPLATE_INCOMPLETE, TEXT(CKA_LABEL, "label"));
    CREATE("an unknown class", CKR_ATTRIBUTE_VALUE_INVALID, OF(CKA_CLASS, class_unknown));
    CREATE("a class that only the card makes", CKR_ATTRIBUTE_VALUE_INVALID,
           OF(CKA_CLASS, class_profile));
    CREATE("a number of two bytes", CKR_ATTRIBUTE_VALUE_INVALID, {CKA_CLASS, &four_bytes_of, 2});
    CREATE("a flag of four bytes", CKR_ATTRIBUTE_VALUE_INVALID, OF(CKA_CLASS, class_data),
           OF(CKA_PRIVATE, bool_of_four));
    CREATE("an attribute of another class", CKR_TEMPLATE_INCONSISTENT, OF(CKA_CLASS, class_data),
           OF(CKA_MODULUS, odd));
    CREATE("an unknown attribute", CKR_ATTRIBUTE_TYPE_INVALID, OF(CKA_CLASS, class_data),
           OF(0x7777, odd));
    CREATE("a value from nowhere", CKR_ARGUMENTS_BAD, OF(CKA_CLASS, class_data), from_nowhere);
    CREATE("a value without end", CKR_ATTRIBUTE_VALUE_INVALID, OF(CKA_CLASS, class_data),
           without_end);
    CREATE("a template in a template", CKR_ATTRIBUTE_TYPE_INVALID, OF(CKA_CLASS, class_secret),
           nested);
    CREATE("the same twice, but another", CKR_TEMPLATE_INCONSISTENT, OF(CKA_CLASS, class_data),
           OF(CKA_CLASS, class_secret));
    CREATE("an id that is the card's to give", CKR_ATTRIBUTE_READ_ONLY, OF(CKA_CLASS, class_data),
           TEXT(CKA_UNIQUE_ID, "mine"));
    CREATE("where a key was made", CKR_ATTRIBUTE_READ_ONLY, OF(CKA_CLASS, class_secret),
           OF(CKA_KEY_TYPE, type_aes), {CKA_VALUE, odd, 16}, OF(CKA_LOCAL, yes));
    CREATE("a key of no type", CKR_TEMPLATE_INCOMPLETE, OF(CKA_CLASS, class_secret),
           {CKA_VALUE, odd, 16});
    CREATE("a key without a value", CKR_TEMPLATE_INCOMPLETE, OF(CKA_CLASS, class_secret),
           OF(CKA_KEY_TYPE, type_aes));
    CREATE("an AES key of 17 bytes", CKR_ATTRIBUTE_VALUE_INVALID, OF(CKA_CLASS, class_secret),
           OF(CKA_KEY_TYPE, type_aes), OF(CKA_VALUE, odd));
    CREATE("an RSA key without a modulus", CKR_TEMPLATE_INCOMPLETE, OF(CKA_CLASS, class_public),
           OF(CKA_KEY_TYPE, type_rsa), OF(CKA_PUBLIC_EXPONENT, exponent));
    CREATE("an RSA key of 17 bytes", CKR_ATTRIBUTE_VALUE_INVALID, OF(CKA_CLASS, class_public),
           OF(CKA_KEY_TYPE, type_rsa), OF(CKA_MODULUS, odd), OF(CKA_PUBLIC_EXPONENT, exponent));
    CREATE("a point that is not on its curve", CKR_ATTRIBUTE_VALUE_INVALID,
           OF(CKA_CLASS, class_public), OF(CKA_KEY_TYPE, type_ec), OF(CKA_EC_PARAMS, p256),
           OF(CKA_EC_POINT, point));
    CREATE("a curve that we have not", CKR_CURVE_NOT_SUPPORTED, OF(CKA_CLASS, class_public),
           OF(CKA_KEY_TYPE, type_ec), OF(CKA_EC_PARAMS, no_curve), OF(CKA_EC_POINT, point));
    CREATE("a private key without a part", CKR_TEMPLATE_INCOMPLETE, OF(CKA_CLASS, class_private),
           OF(CKA_KEY_TYPE, type_rsa), OF(CKA_MODULUS, odd));
    CREATE("a certificate of no type", CKR_TEMPLATE_INCOMPLETE, OF(CKA_CLASS, class_certificate),
           TEXT(CKA_VALUE, "certificate"));
#undef CREATE
}

static void attributes(void) {
    byte room[4];
    attribute ask[2] = {{CKA_LABEL, room, 2}, {CKA_MODULUS, 0, 0}};
    ulong count = 1;

    wrong("5.7.2", "no object", CKR_OBJECT_HANDLE_INVALID,
          p->C_CopyObject(S, 0, NOTHING, &handle));
    wrong("5.7.2", "nowhere to put it", CKR_ARGUMENTS_BAD,
          p->C_CopyObject(S, secret, NOTHING, 0));
    wrong("5.7.2", "one that is not to be copied", CKR_ACTION_PROHIBITED,
          p->C_CopyObject(S, data, NOTHING, &handle));
    wrong("5.7.2", "into another class", CKR_ATTRIBUTE_READ_ONLY,
          p->C_CopyObject(S, secret, TEMPLATE(OF(CKA_CLASS, class_data)), &handle));
    wrong("5.7.2", "onto the card by a session that reads only", CKR_SESSION_READ_ONLY,
          p->C_CopyObject(R, secret, TEMPLATE(OF(CKA_TOKEN, yes)), &handle));
    wrong("5.7.3", "no object", CKR_OBJECT_HANDLE_INVALID, p->C_DestroyObject(S, 0));
    wrong("5.7.3", "one that is not to be destroyed", CKR_ACTION_PROHIBITED,
          p->C_DestroyObject(S, data));
    wrong("5.7.3", "no session", CKR_SESSION_HANDLE_INVALID, p->C_DestroyObject(0, data));
    must("copy", p->C_CopyObject(S, secret, NOTHING, &handle));
    must("destroy", p->C_DestroyObject(S, handle));
    wrong("5.7.3", "one that was destroyed", CKR_OBJECT_HANDLE_INVALID,
          p->C_DestroyObject(S, handle));
    wrong("5.7.4", "no object", CKR_OBJECT_HANDLE_INVALID, p->C_GetObjectSize(S, 0, &other));
    wrong("5.7.4", "nowhere to put it", CKR_ARGUMENTS_BAD, p->C_GetObjectSize(S, data, 0));
    wrong("5.7.5", "no object", CKR_OBJECT_HANDLE_INVALID, p->C_GetAttributeValue(S, 0, ask, 1));
    wrong("5.7.5", "no session", CKR_SESSION_HANDLE_INVALID,
          p->C_GetAttributeValue(0, data, ask, 1));
    wrong("5.7.5", "a template from nowhere", CKR_ARGUMENTS_BAD,
          p->C_GetAttributeValue(S, data, 0, 1));
    wrong("5.7.5", "four thousand million questions", CKR_ARGUMENTS_BAD,
          p->C_GetAttributeValue(S, data, ask, MANY));
    wrong("5.7.5", "too little room", CKR_BUFFER_TOO_SMALL,
          p->C_GetAttributeValue(S, data, ask, 1));
    wrong("5.7.5", "an attribute of another class", CKR_ATTRIBUTE_TYPE_INVALID,
          p->C_GetAttributeValue(S, data, ask + 1, 1));
    ask[1].type = CKA_PRIVATE_EXPONENT;
    wrong("5.7.5", "a private exponent", CKR_ATTRIBUTE_SENSITIVE,
          p->C_GetAttributeValue(S, rsa, ask + 1, 1));
    ask[1].type = CKA_VALUE;
    wrong("5.7.5", "a key that is not to be read", CKR_ATTRIBUTE_SENSITIVE,
          p->C_GetAttributeValue(S, aes, ask + 1, 1));
    wrong("5.7.6", "no object", CKR_OBJECT_HANDLE_INVALID,
          p->C_SetAttributeValue(S, 0, TEMPLATE(TEXT(CKA_LABEL, "new"))));
    wrong("5.7.6", "one that is not to be changed", CKR_ACTION_PROHIBITED,
          p->C_SetAttributeValue(S, data, TEMPLATE(TEXT(CKA_LABEL, "new"))));
    wrong("5.7.6", "the class", CKR_ATTRIBUTE_READ_ONLY,
          p->C_SetAttributeValue(S, secret, TEMPLATE(OF(CKA_CLASS, class_data))));
    wrong("5.7.6", "a key that could be taken out again", CKR_ATTRIBUTE_READ_ONLY,
          p->C_SetAttributeValue(S, aes, TEMPLATE(OF(CKA_EXTRACTABLE, yes))));
    wrong("5.7.6", "an attribute of another class", CKR_TEMPLATE_INCONSISTENT,
          p->C_SetAttributeValue(S, secret, TEMPLATE(TEXT(CKA_MODULUS, "new"))));
    wrong("5.7.6", "an unknown attribute", CKR_ATTRIBUTE_TYPE_INVALID,
          p->C_SetAttributeValue(S, secret, TEMPLATE(TEXT(0x7777, "new"))));
    wrong("5.7.6", "a template from nowhere", CKR_ARGUMENTS_BAD,
          p->C_SetAttributeValue(S, secret, 0, 1));
    wrong("5.7.7", "no session", CKR_SESSION_HANDLE_INVALID, p->C_FindObjectsInit(0, NOTHING));
    wrong("5.7.7", "a template from nowhere", CKR_ARGUMENTS_BAD, p->C_FindObjectsInit(S, 0, 1));
    must("find", p->C_FindObjectsInit(S, NOTHING));
    wrong("5.7.7", "while another goes on", CKR_OPERATION_ACTIVE,
          p->C_FindObjectsInit(S, NOTHING));
    wrong("5.7.8", "without a search", CKR_OPERATION_NOT_INITIALIZED,
          p->C_FindObjects(S, &handle, 1, &count));
    must("find", p->C_FindObjectsInit(S, NOTHING));
    wrong("5.7.8", "no count", CKR_ARGUMENTS_BAD, p->C_FindObjects(S, &handle, 1, 0));
    must("find", p->C_FindObjectsInit(S, NOTHING));
    wrong("5.7.8", "nowhere to put them", CKR_ARGUMENTS_BAD, p->C_FindObjects(S, 0, 1, &count));
    wrong("5.7.9", "without a search", CKR_OPERATION_NOT_INITIALIZED, p->C_FindObjectsFinal(S));
}

static void objects(void) {
    creations();
    attributes();
}
