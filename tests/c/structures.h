/* The structures of Cryptoki that C programs of the tests make and read (PKCS#11 2.40 section 3). On
 * Windows they are packed to 1, and CK_ULONG, an unsigned long, has 32 bits (section 2.1). */
#ifndef WARDCARD_TEST_STRUCTURES_H
#define WARDCARD_TEST_STRUCTURES_H

typedef unsigned long ck_ulong;
typedef void (*ck_function)(void);

#ifdef _WIN32
#pragma pack(push, 1)
#endif

struct ck_table {
    unsigned char version[2];
    ck_function function[68];
};

struct ck_attribute {
    ck_ulong type;
    void *value;
    ck_ulong length;
};

struct ck_mechanism {
    ck_ulong mechanism;
    void *parameter;
    ck_ulong length;
};

struct ck_slot {
    unsigned char description[64], manufacturer[32];
    ck_ulong flags;
    unsigned char versions[4];
};

struct ck_token {
    unsigned char label[32], manufacturer[32], model[16], serial[16];
    ck_ulong flags, numbers[10];
    unsigned char versions[4], time[16];
};

#ifdef _WIN32
#pragma pack(pop)
#endif

#endif
