/** wardcard.h: a virtual NHS smartcard for hosts (SSO agents). ABI 0: it may change until it is
 * declared stable. Licence: MIT OR Apache-2.0.
 *
 * Conventions:
 *
 * - Names are wardcard_<noun>_<verb>. Every fallible call returns a wardcard_result; numbers
 *   are never used again for something else.
 * - Inputs stand before outputs. Outputs are written only on success, except a needed length.
 * - Text and bytes are a pointer and a length; text is UTF-8; (NULL, 0) is empty. Where there is
 *   too little room for an output, its length is written, and nothing else.
 * - Handles are opaque: _new makes, _free ends, once, and _free(NULL) is nothing. A handle is
 *   used from any thread, but not while or after it is freed.
 * - Structures that callers fill begin with their size, sizeof as the caller was compiled.
 * - Callbacks get userdata first, are called with no lock held, and may call back in. What they
 *   are asked may be answered later, by number, from any thread.
 *
 * The header is generated from src/ffi/host; tests/header.rs does it, and compares.
 */

#ifndef WARDCARD_H
#define WARDCARD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An agent: cards of people, policy, audit, endpoints. It ends with wardcard_agent_free, not
 * with the process's last handle of a card or request.
 */
typedef struct wardcard_agent wardcard_agent;

/** A request for a card, which waits for its proof. */
typedef struct wardcard_request wardcard_request;

/** A registration of a WebAuthn credential that is in progress. */
typedef struct wardcard_registration wardcard_registration;

/** A card. The handle names it: freeing the handle does not remove the card. */
typedef struct wardcard_card wardcard_card;

/** An enrolment of a person, as it was when the handle was made or last used. Freeing the handle
 * leaves the enrolment as it is.
 */
typedef struct wardcard_enrolment wardcard_enrolment;

/** All enrolments of an agent, as they were when the handle was made, in the order of the persons'
 * numbers.
 */
typedef struct wardcard_enrolments wardcard_enrolments;

/** The tokens of a sign-in, for the host's own use of the provider. They are erased with it. */
typedef struct wardcard_tokens wardcard_tokens;

/** What a call came to; WARDCARD_OK or one of the numbers below. None is ever used again for
 * something else.
 */
typedef uint32_t wardcard_result;
/** Done. */
#define WARDCARD_OK 0u
/** A pointer is NULL, a length or number is out of range, text is not UTF-8, or a structure's size
 * is not one that this version knows.
 */
#define WARDCARD_ERROR_ARGUMENT 1u
/** The room for the output is too small; the needed length has been written. */
#define WARDCARD_ERROR_BUFFER_TOO_SMALL 2u
/** The configuration does not hold; the diagnostic callback gets every problem with its line.
 */
#define WARDCARD_ERROR_CONFIGURATION 3u
/** A part of the agent (store, audit log, issuer, endpoint) cannot be opened. */
#define WARDCARD_ERROR_PART 4u
/** The proof was refused; the diagnostic callback gets the claim and the reason. */
#define WARDCARD_ERROR_PROOF 5u
/** The policy refuses a card, though the proof is genuine. */
#define WARDCARD_ERROR_POLICY 6u
/** The proof has been used before. */
#define WARDCARD_ERROR_REPLAY 7u
/** The issuer refused or cannot be reached. */
#define WARDCARD_ERROR_ISSUER 8u
/** The request has been used, or its time is over: make a new one. */
#define WARDCARD_ERROR_REQUEST 9u
/** No passcode is kept for this person, and none was given. */
#define WARDCARD_ERROR_PASSCODE_UNSET 10u
/** The passcode has not the shape that the policy asks for. */
#define WARDCARD_ERROR_PASSCODE_SHAPE 11u
/** The card has been removed or has expired. */
#define WARDCARD_ERROR_CARD_GONE 12u
/** The card has no such key. */
#define WARDCARD_ERROR_NO_SUCH_KEY 13u
/** The card's state does not allow it. */
#define WARDCARD_ERROR_CARD_STATE 14u
/** A limit of the configuration is reached. */
#define WARDCARD_ERROR_LIMIT 15u
/** The agent has stopped. */
#define WARDCARD_ERROR_STOPPED 16u
/** The audit record could not be written, so nothing was done. */
#define WARDCARD_ERROR_AUDIT 17u
/** The seat is not one that this agent serves. */
#define WARDCARD_ERROR_SEAT 18u
/** There is no such open question. */
#define WARDCARD_ERROR_NO_SUCH_QUESTION 19u
/** A defect of this library, stopped at the boundary. */
#define WARDCARD_ERROR_INTERNAL 20u
/** An administrator stopped all cards, and no new one is made until they start again. */
#define WARDCARD_ERROR_ALL_STOPPED 30u
/** No keys of this person are enrolled for release. */
#define WARDCARD_ERROR_NOT_ENROLLED 40u
/** The enrolment is not in a state for that; the diagnostic callback gets what to do. */
#define WARDCARD_ERROR_ENROLMENT 41u
/** Certificates are not those of the enrolment; the diagnostic callback gets every problem. */
#define WARDCARD_ERROR_CERTIFICATES 42u

/** What a result means, in one sentence; never NULL, never freed. */
const char *wardcard_result_text(wardcard_result result);

/** Asks for the passcode of a person who has none yet: person is 12 digits without an end mark,
 * min and max are the shortest and longest passcode in characters. Answer question with
 * wardcard_passcode_answer, from inside the callback or later from any thread; show a dialog
 * outside it. After two minutes, or when the agent stops, nobody waits for the answer any more.
 */
typedef void (*wardcard_passcode_wanted)(void *userdata,
                                         uint64_t question,
                                         const char *person,
                                         size_t person_length,
                                         size_t min,
                                         size_t max);

/** Tells why a call failed, in a sentence fit for an administrator; no secrets are in it. */
typedef void (*wardcard_diagnostic)(void *userdata,
                                    wardcard_result result,
                                    const char *text,
                                    size_t text_length);

/** What the library asks and tells its host. Each callback may be NULL. They are called from any
 * thread that calls into the library, must not throw, and end before wardcard_agent_free does.
 */
typedef struct wardcard_callbacks {
    /** sizeof(wardcard_callbacks). */
    size_t size;
    /** Handed to each callback first. Must be usable from any thread until wardcard_agent_free
     * has returned.
     */
    void *userdata;
    /** Asks for a passcode. */
    wardcard_passcode_wanted passcode_wanted;
    /** Tells why a call failed. */
    wardcard_diagnostic diagnostic;
} wardcard_callbacks;

/** Answers a question of passcode_wanted; (NULL, 0) declines. The caller erases its own copy.
 *
 * Requires: agent is a live handle; passcode points to passcode_length bytes.
 */
wardcard_result wardcard_passcode_answer(wardcard_agent *agent,
                                         uint64_t question,
                                         const char *passcode,
                                         size_t passcode_length);

/** Version of this interface; 0 until it is declared stable, and then raised with every change
 * that breaks callers.
 */
#define WARDCARD_ABI_VERSION 0u

/** The ABI version of the loaded library, to be compared with WARDCARD_ABI_VERSION. */
uint32_t wardcard_abi_version(void);

/** The library's version, as major.minor.patch; never freed. */
const char *wardcard_version(void);

/** What hardening a process achieved: a sum of the numbers below. */
typedef uint32_t wardcard_hardening;
/** Other processes of the same user cannot read its memory or attach to it. */
#define WARDCARD_HARDENED_UNDUMPABLE 1u
/** No core file is written. */
#define WARDCARD_HARDENED_NO_CORE 2u
/** The whole memory is locked: nothing of it is swapped out. */
#define WARDCARD_HARDENED_MEMORY 4u
/** The limits allow less: the pages that hold secrets are locked. */
#define WARDCARD_HARDENED_SECRETS 8u

/** Hardens the calling process; call it before the first agent is made. achieved may be NULL.
 *
 * Requires: achieved is NULL or writable.
 */
wardcard_result wardcard_process_harden(wardcard_hardening *achieved);

/** Makes an agent of a configuration: TOML text, as in examples/agent.toml, whose relative paths
 * start at the current folder of the process. Endpoints stay closed until wardcard_agent_serve.
 * callbacks is copied and may be NULL.
 *
 * Requires: configuration points to configuration_length bytes; callbacks is NULL or points to a
 * structure whose size is right; agent is writable.
 */
wardcard_result wardcard_agent_new(const char *configuration,
                                   size_t configuration_length,
                                   const wardcard_callbacks *callbacks,
                                   wardcard_agent **agent);

/** Opens the endpoints that the configuration names; more than once is nothing.
 *
 * Requires: agent is a live handle.
 */
wardcard_result wardcard_agent_serve(wardcard_agent *agent);

/** Finds a live card by its 16 hexadecimal digits (the token's serial number).
 *
 * Requires: agent is a live handle; id points to id_length bytes; card is writable.
 */
wardcard_result wardcard_agent_card(const wardcard_agent *agent,
                                    const char *id,
                                    size_t id_length,
                                    wardcard_card **card);

/** Removes all cards, erases their keys, closes the endpoints, ends open questions and the audit
 * log. Handles stay valid; what needs the agent answers WARDCARD_ERROR_STOPPED. More than once
 * is nothing.
 *
 * Requires: agent is a live handle.
 */
wardcard_result wardcard_agent_stop(wardcard_agent *agent);

/** Stops and frees an agent. Once this returns, no thread is inside a callback, and none will be
 * called. Handles of its requests and cards are still to be freed, each by its own call.
 *
 * Requires: agent is NULL or a live handle that nobody uses any more.
 */
void wardcard_agent_free(wardcard_agent *agent);

/** Where the passcode of the card comes from. */
typedef uint32_t wardcard_passcode_source;
/** The person's own, kept by the agent. At first use passcode_wanted is asked for it. */
#define WARDCARD_PASSCODE_KEPT 0u
/** The one given with this proof, for this card alone. */
#define WARDCARD_PASSCODE_GIVEN 1u
/** The one given with this proof, which becomes the person's own. */
#define WARDCARD_PASSCODE_GIVEN_AND_KEPT 2u
/** None: the sign-in stands for it. Only applications that the configuration lists may use the
 * card.
 */
#define WARDCARD_PASSCODE_SIGN_IN 3u
/** A new one for each login: wardcard_card_one_time_passcode makes them, and the host fills them
 * in.
 */
#define WARDCARD_PASSCODE_ONE_TIME 4u

/** How a card is to be protected. */
typedef struct wardcard_passcode {
    /** sizeof(wardcard_passcode). */
    size_t size;
    /** One of the WARDCARD_PASSCODE_ numbers. */
    wardcard_passcode_source source;
    /** The passcode where it is given, else NULL. The caller erases its own copy. */
    const char *passcode;
    /** Its length in bytes. */
    size_t passcode_length;
} wardcard_passcode;

/** Makes the keys of a card for the user uid of this machine, and the nonce that its proof must
 * carry. logon names one logon session of that user; (NULL, 0) means all of them. Where users
 * have no numbers (Windows) it is wardcard_request_new_for.
 *
 * Requires: agent is a live handle; logon points to logon_length bytes; request is writable.
 */
wardcard_result wardcard_request_new(wardcard_agent *agent,
                                     uint32_t uid,
                                     const char *logon,
                                     size_t logon_length,
                                     wardcard_request **request);

/** As wardcard_request_new, with the user as text: a user id in decimal digits on Unix, a security
 * identifier (S-1-5-...) on Windows. (NULL, 0) is the user that the agent runs as.
 *
 * Requires: agent is a live handle; user points to user_length bytes, logon to logon_length;
 * request is writable.
 */
wardcard_result wardcard_request_new_for(wardcard_agent *agent,
                                         const char *user,
                                         size_t user_length,
                                         const char *logon,
                                         size_t logon_length,
                                         wardcard_request **request);

/** The nonce: send it as nonce with the OpenID Connect authentication request. ASCII, no end
 * mark.
 *
 * Requires: request is a live handle; nonce is NULL or has room for capacity bytes; nonce_length is
 * writable.
 */
wardcard_result wardcard_request_nonce(const wardcard_request *request,
                                       char *nonce,
                                       size_t capacity,
                                       size_t *nonce_length);

/** Until when the proof may come, in milliseconds since the Unix epoch.
 *
 * Requires: request is a live handle; expires is writable.
 */
wardcard_result wardcard_request_expires(const wardcard_request *request, int64_t *expires);

/** Proves a request with the ID token (compact form) that came of the sign-in. On success its user
 * has the card, in place of one from before. Once the token is looked at, the request is used up
 * whatever comes of it. passcode NULL means WARDCARD_PASSCODE_KEPT. The caller erases its own
 * copies of the token and the passcode. May wait for the host's answer to passcode_wanted.
 *
 * Requires: request is a live handle; token points to token_length bytes; passcode is NULL or points
 * to a structure whose size is right; card is writable.
 */
wardcard_result wardcard_request_prove(wardcard_request *request,
                                       const char *token,
                                       size_t token_length,
                                       const wardcard_passcode *passcode,
                                       wardcard_card **card);

/** Frees a request; one that has not been proved is gone with its keys.
 *
 * Requires: request is NULL or a live handle that nobody uses any more.
 */
void wardcard_request_free(wardcard_request *request);

/** Proves a request with evidence of any kind, as JSON with one member:
 *
 * - {"id_token": "..."}: as wardcard_request_prove;
 * - {"webauthn": "..."}: AuthenticationResponseJSON of the browser, as text;
 * - {"certificate": "..."}: the answer of an existing card, JSON as text, with the members
 *   scheme, signature (Base64) and certificates (PEM);
 * - {"host": "..."}: a configured host's attestation (JWS);
 * - {"relayed": {"id_token": "...", "attestation": "..."}}: a token whose nonce the host could
 *   not set, and the host's attestation over nonce and token;
 * - {"several": ...}: two to four of the above, of one person, which the policy combines.
 *
 * All else is as with wardcard_request_prove.
 *
 * Requires: request is a live handle; evidence points to evidence_length bytes; passcode is NULL or
 * points to a structure whose size is right; card is writable.
 */
wardcard_result wardcard_request_prove_by(wardcard_request *request,
                                          const char *evidence,
                                          size_t evidence_length,
                                          const wardcard_passcode *passcode,
                                          wardcard_card **card);

/** What an existing card signs for this request, by its authentication key: with
 * CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS or CKM_ECDSA (over the digest).
 *
 * Requires: request is a live handle; challenge is NULL or has room for capacity bytes;
 * challenge_length is writable.
 */
wardcard_result wardcard_request_card_challenge(const wardcard_request *request,
                                                uint8_t *challenge,
                                                size_t capacity,
                                                size_t *challenge_length);

/** What the browser is asked for this request: PublicKeyCredentialRequestOptionsJSON, for the
 * WebAuthn credentials of the person of these 12 digits; (NULL, 0) means those of anybody.
 *
 * Requires: request is a live handle; person points to person_length bytes; options is NULL or has
 * room for capacity bytes; options_length is writable.
 */
wardcard_result wardcard_request_webauthn_options(const wardcard_request *request,
                                                  const char *person,
                                                  size_t person_length,
                                                  char *options,
                                                  size_t capacity,
                                                  size_t *options_length);

/** Begins to register a WebAuthn credential for the person of these 12 digits. The host vouches
 * that it is them; it waits ten minutes.
 *
 * Requires: agent is a live handle; person points to person_length bytes; registration is writable.
 */
wardcard_result wardcard_registration_new(wardcard_agent *agent,
                                          const char *person,
                                          size_t person_length,
                                          wardcard_registration **registration);

/** What the browser is asked: PublicKeyCredentialCreationOptionsJSON.
 *
 * Requires: registration is a live handle; options is NULL or has room for capacity bytes;
 * options_length is writable.
 */
wardcard_result wardcard_registration_options(const wardcard_registration *registration,
                                              char *options,
                                              size_t capacity,
                                              size_t *options_length);

/** Ends a registration with what the browser answered (RegistrationResponseJSON), once: whatever
 * comes of it, it is used up.
 *
 * Requires: registration is a live handle; answer points to answer_length bytes.
 */
wardcard_result wardcard_registration_finish(wardcard_registration *registration,
                                             const char *answer,
                                             size_t answer_length);

/** Frees a registration.
 *
 * Requires: registration is NULL or a live handle that nobody uses any more.
 */
void wardcard_registration_free(wardcard_registration *registration);

/** A person's WebAuthn credentials: a JSON array of objects with the members credential (its id,
 * base64url), model, certified, algorithm, backup_eligible, registered, used, person.
 *
 * Requires: agent is a live handle; person points to person_length bytes; credentials is NULL or has
 * room for capacity bytes; credentials_length is writable.
 */
wardcard_result wardcard_agent_credentials(const wardcard_agent *agent,
                                           const char *person,
                                           size_t person_length,
                                           char *credentials,
                                           size_t capacity,
                                           size_t *credentials_length);

/** Removes one of a person's WebAuthn credentials by its id in base64url; (NULL, 0) removes all.
 *
 * Requires: agent is a live handle; person points to person_length bytes; credential points to
 * credential_length bytes.
 */
wardcard_result wardcard_agent_remove_credential(wardcard_agent *agent,
                                                 const char *person,
                                                 size_t person_length,
                                                 const char *credential,
                                                 size_t credential_length);

/** Where a card is in its life. */
typedef uint32_t wardcard_card_state;
/** In use. */
#define WARDCARD_CARD_INSERTED 1u
/** The person is away; each connection verifies again. */
#define WARDCARD_CARD_LOCKED 2u
/** Out of use by policy or an administrator. */
#define WARDCARD_CARD_SUSPENDED 3u
/** Gone, keys erased. */
#define WARDCARD_CARD_REMOVED 4u
/** Its time is over, keys erased. */
#define WARDCARD_CARD_EXPIRED 5u

/** Why a card is removed, for the audit log. */
typedef uint32_t wardcard_removal;
/** The person tapped out. */
#define WARDCARD_REMOVAL_TAP_OUT 1u
/** The person's session ended. */
#define WARDCARD_REMOVAL_SESSION_END 2u
/** An administrator took it away. */
#define WARDCARD_REMOVAL_ADMINISTRATOR 3u

/** Which of a card's keys. */
typedef uint32_t wardcard_key;
/** The key that signs in. */
#define WARDCARD_KEY_AUTHENTICATION 1u
/** The key that signs prescriptions. */
#define WARDCARD_KEY_CONTENT_COMMITMENT 2u

/** What is known of a card. */
typedef struct wardcard_card_info {
    /** sizeof(wardcard_card_info), filled by the caller. */
    size_t size;
    /** The token's serial number: 16 hexadecimal digits and a 0. */
    char id[17];
    /** The person: 12 digits and a 0. */
    char person[13];
    /** One of the WARDCARD_CARD_ numbers. */
    wardcard_card_state state;
    /** Passcode tries left; UINT32_MAX when the store cannot say. */
    uint32_t tries_left;
    /** 1 if the sign-in stands for the passcode. */
    uint32_t sign_in;
    /** 1 if the card has a content commitment key. */
    uint32_t content_commitment;
    /** Authentication assurance level of the sign-in (0 to 3). The card itself claims at most 2:
     * its keys are held in software.
     */
    uint32_t authentication_level;
    /** When it was made, in milliseconds since the Unix epoch. */
    int64_t issued;
    /** When it ends, in milliseconds since the Unix epoch. */
    int64_t expires;
    /** SHA-1 signatures made with it. */
    uint64_t sha1_signatures;
} wardcard_card_info;

/** Tells what is known of a card.
 *
 * Requires: card is a live handle; info points to a writable structure whose size is filled.
 */
wardcard_result wardcard_card_info_read(const wardcard_card *card, wardcard_card_info *info);

/** A certificate of a key in DER. index 0 is the key's own, 1 its issuer's, and so on up to the
 * root; beyond that, and for a key that the card has not, the result is
 * WARDCARD_ERROR_NO_SUCH_KEY.
 *
 * Requires: card is a live handle; certificate is NULL or has room for capacity bytes;
 * certificate_length is writable.
 */
wardcard_result wardcard_card_certificate(const wardcard_card *card,
                                          wardcard_key key,
                                          size_t index,
                                          uint8_t *certificate,
                                          size_t capacity,
                                          size_t *certificate_length);

/** The person is away: every connection verifies again before it goes on.
 *
 * Requires: card is a live handle.
 */
wardcard_result wardcard_card_lock(wardcard_card *card);

/** The person is back, which the host has made sure of.
 *
 * Requires: card is a live handle.
 */
wardcard_result wardcard_card_unlock(wardcard_card *card);

/** Removes a card from every face at once and erases its keys. The handle stays until it is freed.
 *
 * Requires: card is a live handle.
 */
wardcard_result wardcard_card_remove(wardcard_card *card, wardcard_removal reason);

/** Frees the handle; the card stays where it is.
 *
 * Requires: card is NULL or a live handle that nobody uses any more.
 */
void wardcard_card_free(wardcard_card *card);

/** Begins the release of a person's enrolled keys to the user uid of this machine: the nonce of
 * the request goes into the sign-in, and its proof, which must be the same person's, to
 * wardcard_request_prove. person is 12 digits; logon as in wardcard_request_new.
 *
 * Requires: agent is a live handle; logon points to logon_length bytes, person to person_length;
 * request is writable.
 */
wardcard_result wardcard_request_new_release(wardcard_agent *agent,
                                             uint32_t uid,
                                             const char *logon,
                                             size_t logon_length,
                                             const char *person,
                                             size_t person_length,
                                             wardcard_request **request);

/** As wardcard_request_new_release, with the user as text, as in wardcard_request_new_for.
 *
 * Requires: agent is a live handle; user points to user_length bytes, logon to logon_length, person
 * to person_length; request is writable.
 */
wardcard_result wardcard_request_new_release_for(wardcard_agent *agent,
                                                 const char *user,
                                                 size_t user_length,
                                                 const char *logon,
                                                 size_t logon_length,
                                                 const char *person,
                                                 size_t person_length,
                                                 wardcard_request **request);

/** What is known of an enrolment. Times are milliseconds since the Unix epoch. */
typedef struct wardcard_enrolment_info {
    /** sizeof(wardcard_enrolment_info), filled by the caller. */
    size_t size;
    /** The person: 12 digits and a 0. */
    char person[13];
    /** The enrolled card: 16 hexadecimal digits and a 0; empty while its first certificates are
     * awaited.
     */
    char card[17];
    /** 1 if new keys wait for their certificates. */
    uint32_t waiting;
    /** 1 if its certificates end within the time of notice, or have ended: renew. */
    uint32_t renew;
    /** When it began. */
    int64_t enrolled;
    /** The last second of the first certificate to end; 0 while certificates are awaited. */
    int64_t ends;
    /** When keys were last released; 0 for never. */
    int64_t released;
} wardcard_enrolment_info;

/** Begins a person's enrolment: makes keys by the policy, and a certificate request for each. by
 * says who asked, for the record. They are released once their certificates have been imported.
 *
 * Requires: agent is a live handle; person points to person_length bytes, by to by_length;
 * enrolment is writable.
 */
wardcard_result wardcard_enrolment_new(wardcard_agent *agent,
                                       const char *person,
                                       size_t person_length,
                                       const char *by,
                                       size_t by_length,
                                       wardcard_enrolment **enrolment);

/** Finds the enrolment of a person.
 *
 * Requires: agent is a live handle; person points to person_length bytes; enrolment is writable.
 */
wardcard_result wardcard_enrolment_find(wardcard_agent *agent,
                                        const char *person,
                                        size_t person_length,
                                        wardcard_enrolment **enrolment);

/** Tells what is known of an enrolment.
 *
 * Requires: enrolment is a live handle; info points to a writable structure whose size is filled.
 */
wardcard_result wardcard_enrolment_info_read(const wardcard_enrolment *enrolment,
                                             wardcard_enrolment_info *info);

/** The certificate request (PKCS#10, PEM, no end mark) of a key that waits for its certificate;
 * WARDCARD_ERROR_NO_SUCH_KEY where none such waits.
 *
 * Requires: enrolment is a live handle; request is NULL or has room for capacity bytes;
 * request_length is writable.
 */
wardcard_result wardcard_enrolment_request(const wardcard_enrolment *enrolment,
                                           wardcard_key key,
                                           char *request,
                                           size_t capacity,
                                           size_t *request_length);

/** Gives all keys that wait their certificates, or none: PEM, one certificate for each key and the
 * authorities that lead to the configured roots, in any order. Keys that they renew are gone then.
 *
 * Requires: enrolment is a live handle; certificates points to certificates_length bytes, by to
 * by_length.
 */
wardcard_result wardcard_enrolment_import(wardcard_enrolment *enrolment,
                                          const char *certificates,
                                          size_t certificates_length,
                                          const char *by,
                                          size_t by_length);

/** Makes new keys and requests for an enrolment; the old keys are used until the import.
 *
 * Requires: enrolment is a live handle; by points to by_length bytes.
 */
wardcard_result wardcard_enrolment_renew(wardcard_enrolment *enrolment,
                                         const char *by,
                                         size_t by_length);

/** Ends an enrolment: its keys, and every card that was released from it. The handle stays until it
 * is freed.
 *
 * Requires: enrolment is a live handle; by points to by_length bytes.
 */
wardcard_result wardcard_enrolment_remove(wardcard_enrolment *enrolment,
                                          const char *by,
                                          size_t by_length);

/** Frees the handle; the enrolment stays as it is.
 *
 * Requires: enrolment is NULL or a live handle that nobody uses any more.
 */
void wardcard_enrolment_free(wardcard_enrolment *enrolment);

/** Lists the enrolments of an agent.
 *
 * Requires: agent is a live handle; enrolments is writable.
 */
wardcard_result wardcard_enrolments_new(wardcard_agent *agent, wardcard_enrolments **enrolments);

/** Tells what is known of an enrolment of a list, from index 0; beyond its end the result is
 * WARDCARD_ERROR_NOT_ENROLLED.
 *
 * Requires: enrolments is a live handle; info points to a writable structure whose size is filled.
 */
wardcard_result wardcard_enrolments_info_read(const wardcard_enrolments *enrolments,
                                              size_t index,
                                              wardcard_enrolment_info *info);

/** Frees a list.
 *
 * Requires: enrolments is NULL or a live handle that nobody uses any more.
 */
void wardcard_enrolments_free(wardcard_enrolments *enrolments);

/** What one sign-in asks for other than the configuration says. What is (NULL, 0) or 0 is as
 * configured.
 */
typedef struct wardcard_sign_in {
    /** sizeof(wardcard_sign_in). */
    size_t size;
    /** The provider's issuer; the first of the configuration where none is named. */
    const char *provider;
    /** Its length in bytes. */
    size_t provider_length;
    /** Whom the provider may suggest (login_hint). */
    const char *login_hint;
    /** Its length in bytes. */
    size_t login_hint_length;
    /** prompt: login has the person authenticate anew. */
    const char *prompt;
    /** Its length in bytes. */
    size_t prompt_length;
    /** acr_values, with spaces between them. */
    const char *acr_values;
    /** Its length in bytes. */
    size_t acr_values_length;
    /** max_age, in seconds. */
    uint64_t max_age;
} wardcard_sign_in;

/** Begins to sign a person in for a request, by OpenID Connect's code flow with the configured
 * client. redirect_uri is where the browser comes back: http://127.0.0.1:PORT/PATH of a
 * listener of the host's, or an HTTPS address, as it is registered. how may be NULL. Once more
 * for the same request gives the first one up. May wait for the provider.
 *
 * Requires: request is a live handle; redirect_uri points to redirect_uri_length bytes; how is NULL
 * or points to a structure whose size is right.
 */
wardcard_result wardcard_request_sign_in_begin(wardcard_request *request,
                                               const char *redirect_uri,
                                               size_t redirect_uri_length,
                                               const wardcard_sign_in *how);

/** The address that the browser is to open. ASCII, no end mark. WARDCARD_ERROR_REQUEST where no
 * sign-in has begun.
 *
 * Requires: request is a live handle; url is NULL or has room for capacity bytes; url_length is
 * writable.
 */
wardcard_result wardcard_request_sign_in_url(const wardcard_request *request,
                                             char *url,
                                             size_t capacity,
                                             size_t *url_length);

/** Ends a sign-in with the whole address that the browser came back to, query included: asks the
 * provider for the tokens, verifies them and proves the request. On success its user has the card.
 * Request and sign-in are used up whatever comes of it. passcode as for
 * wardcard_request_prove. tokens may be NULL where the host has no use for them. May wait for
 * the provider, and for the host's answer to passcode_wanted.
 *
 * Requires: request is a live handle; redirect points to redirect_length bytes; passcode is NULL or
 * points to a structure whose size is right; card is writable; tokens is NULL or writable.
 */
wardcard_result wardcard_request_sign_in_finish(wardcard_request *request,
                                                const char *redirect,
                                                size_t redirect_length,
                                                const wardcard_passcode *passcode,
                                                wardcard_card **card,
                                                wardcard_tokens **tokens);

/** Which token. */
typedef uint32_t wardcard_token_kind;
/** The ID token; it has made the card and makes no other. */
#define WARDCARD_TOKEN_ID 1u
/** The access token, a bearer's. */
#define WARDCARD_TOKEN_ACCESS 2u
/** The refresh token. */
#define WARDCARD_TOKEN_REFRESH 3u
/** The claims of userinfo as they came, JSON, where the configuration has it asked. */
#define WARDCARD_TOKEN_USERINFO 4u

/** One of the tokens; WARDCARD_ERROR_NO_SUCH_KEY for one that the sign-in did not give. The caller
 * erases its copy.
 *
 * Requires: tokens is a live handle; token is NULL or has room for capacity bytes; token_length is
 * writable.
 */
wardcard_result wardcard_tokens_read(const wardcard_tokens *tokens,
                                     wardcard_token_kind kind,
                                     char *token,
                                     size_t capacity,
                                     size_t *token_length);

/** Erases and frees tokens.
 *
 * Requires: tokens is NULL or a live handle that nobody uses any more.
 */
void wardcard_tokens_free(wardcard_tokens *tokens);

/** Takes a logout token of the provider (OpenID Connect Back-Channel Logout 1.0), which serves
 * once, and ends the cards that were made on its session, or without one on any session of its
 * person there. ended gets how many, and may be NULL.
 *
 * Requires: agent is a live handle; token points to token_length bytes; ended is NULL or writable.
 */
wardcard_result wardcard_agent_logout_token(wardcard_agent *agent,
                                            const char *token,
                                            size_t token_length,
                                            size_t *ended);

/** Ends all cards of a person (12 digits), wherever they are shown, with keys erased. How many they
 * were is written to count, which may be NULL.
 *
 * Requires: agent is a live handle; person points to person_length bytes; count is NULL or writable.
 */
wardcard_result wardcard_person_end(wardcard_agent *agent,
                                    const char *person,
                                    size_t person_length,
                                    wardcard_removal reason,
                                    size_t *count);

/** Takes all cards of a person (12 digits) out of use and makes none for them, across restarts,
 * until wardcard_person_resume. How many cards there are is written to count, which may be
 * NULL.
 *
 * Requires: agent is a live handle; person points to person_length bytes; count is NULL or writable.
 */
wardcard_result wardcard_person_suspend(wardcard_agent *agent,
                                        const char *person,
                                        size_t person_length,
                                        size_t *count);

/** Ends a person's suspension. How many cards are in use again is written to count, which may be
 * NULL.
 *
 * Requires: agent is a live handle; person points to person_length bytes; count is NULL or writable.
 */
wardcard_result wardcard_person_resume(wardcard_agent *agent,
                                       const char *person,
                                       size_t person_length,
                                       size_t *count);

/** Ends every card and every request at once, with keys erased. Where hold is not 0, no card is
 * made, across restarts, until wardcard_agent_start_again; what would make one answers
 * WARDCARD_ERROR_ALL_STOPPED. reason goes on record, and to those who are refused. How many
 * cards they were is written to count, which may be NULL.
 *
 * Requires: agent is a live handle; reason points to reason_length bytes; count is NULL or writable.
 */
wardcard_result wardcard_agent_stop_all(wardcard_agent *agent,
                                        const char *reason,
                                        size_t reason_length,
                                        uint32_t hold,
                                        size_t *count);

/** Lets cards be made again after wardcard_agent_stop_all.
 *
 * Requires: agent is a live handle.
 */
wardcard_result wardcard_agent_start_again(wardcard_agent *agent);

/** The ids of all live cards, oldest first: 16 hexadecimal digits each, with line feeds between.
 * wardcard_agent_card and wardcard_card_info_read tell more of one.
 *
 * Requires: agent is a live handle; ids is NULL or has room for capacity bytes; ids_length is
 * writable.
 */
wardcard_result wardcard_agent_cards(const wardcard_agent *agent,
                                     char *ids,
                                     size_t capacity,
                                     size_t *ids_length);

/** The person taps out: where the policy has a grace, the card is locked and waits so long for
 * wardcard_card_unlock, or for its passcode, before it ends; else it is removed.
 *
 * Requires: card is a live handle.
 */
wardcard_result wardcard_card_tap_out(wardcard_card *card);

/** Takes a card out of use until wardcard_card_resume.
 *
 * Requires: card is a live handle.
 */
wardcard_result wardcard_card_suspend(wardcard_card *card);

/** Puts a card back into use. While its person is suspended the result is WARDCARD_ERROR_POLICY.
 *
 * Requires: card is a live handle.
 */
wardcard_result wardcard_card_resume(wardcard_card *card);

/** Begins a step-up: the nonce of the request goes into a fresh sign-in of the card's person, and
 * its proof to wardcard_request_prove, which leaves the passcode as it is. The policy says which
 * keys need one, and for how long it counts.
 *
 * Requires: card is a live handle; request is writable.
 */
wardcard_result wardcard_request_new_step_up(wardcard_card *card, wardcard_request **request);

/** Why a card is locked or suspended. */
typedef uint32_t wardcard_why;
/** It is neither. */
#define WARDCARD_WHY_NONE 0u
/** A host said that the person is away. */
#define WARDCARD_WHY_AWAY 1u
/** Nobody used it for longer than the policy allows. */
#define WARDCARD_WHY_IDLE 2u
/** A host or an administrator suspended it. */
#define WARDCARD_WHY_SUSPENDED 3u
/** An administrator suspended its person. */
#define WARDCARD_WHY_PERSON_SUSPENDED 4u

/** Where a card is in its life, and why. */
typedef struct wardcard_card_life {
    /** sizeof(wardcard_card_life), filled by the caller. */
    size_t size;
    /** One of the WARDCARD_CARD_ numbers. */
    wardcard_card_state state;
    /** One of the WARDCARD_WHY_ numbers. */
    wardcard_why why;
    /** The level that it claims for itself at most. */
    uint32_t claims;
    /** 1 if its proof was accepted while others were out of reach. */
    uint32_t offline;
    /** 1 if it came of a rule for emergencies: of a weaker sign-in than the policy asks for
     * otherwise, and for a short time.
     */
    uint32_t break_glass;
    /** When it ends if nobody comes back, in milliseconds since the Unix epoch; 0: it does not wait.
     */
    int64_t away_until;
    /** The rule that says when it ends, as policy.lifetime, and a 0. */
    char ends_by[64];
} wardcard_card_life;

/** Tells where a card is in its life, and why.
 *
 * Requires: card is a live handle; life points to a writable structure whose size is filled.
 */
wardcard_result wardcard_card_life_read(const wardcard_card *card, wardcard_card_life *life);

/** Makes a passcode for one login on this card by the program at application (a whole path), to
 * be filled into its prompt at once: it is good for a short time only. The card's proof must have
 * asked for WARDCARD_PASSCODE_ONE_TIME. Digits, no end mark; where there is too little room,
 * none is made. The caller erases its copy.
 *
 * Requires: card is a live handle; application points to application_length bytes; passcode is NULL
 * or has room for capacity bytes; passcode_length is writable.
 */
wardcard_result wardcard_card_one_time_passcode(wardcard_card *card,
                                                const char *application,
                                                size_t application_length,
                                                char *passcode,
                                                size_t capacity,
                                                size_t *passcode_length);

#ifdef __cplusplus
}
#endif

#endif /* WARDCARD_H */
