/* What an application sees that only looks: slots with a card, the first one's label, and whether a
 * session can be opened.
 *
 *   look MODULE
 */
#include "cryptoki.h"

int main(int count, char **argument) {
    ck_ulong slots[8], slot = 0, session, number = 8;
    unsigned char token[512] = {0};
    if (count != 2) return 2;
    alarm(60);
    load(argument[1]);
    must("initialize", initialize());
    must("slots", CALL(F_GET_SLOT_LIST, (unsigned char, ck_ulong *, ck_ulong *), (1, slots, &number)));
    say("cards", number);
    must("slots", first_slot(&slot));
    if (CALL(F_GET_TOKEN_INFO, (ck_ulong, void *), (slot, token)) == CKR_OK)
        printf("label %.32s\n", token);
    say("session", open_session(slot, &session));
    return 0;
}
