//! Setting up an agent, an issuer and applications.
//!
//! # Try it
//!
//! `wardcard demo --keep` starts a provider, an issuer and an agent on this machine, derives a
//! card for the test identity 555000000001, and prints the commands to use it.
//!
//! What is installed is built by `cargo build --profile dist` into `target/dist`: the program, the
//! module `libwardcard.so` and the static library, smaller than a release build's.
//!
//! # An issuer
//!
//! 1. `wardcard ca init DIR`, as a user of its own, makes a root and two issuing authorities. Move the
//!    root's folder offline. The root's CRL is good for half a year: `ca crl`, with the root's folder
//!    here again, makes the next one, and says when it is due.
//! 2. `wardcard ca serve DIR --listen unix:path=/run/wardcard-ca/issuer --allow-uid AGENT_UID` under
//!    a user of its own; it hears its own user, and the agent's because it is named. Agents of other machines are heard where `ca.toml` has `[tls]`: TLS 1.3, certificates on both
//!    sides, each client by its name there; certificates are replaced without a restart.
//! 3. `wardcard ca show DIR`, `wardcard ca crl DIR` for what it issued and what it revoked. `ca
//!    serve` writes the CRLs itself, to `DIR/crl` or `--crl-out`: at half of their life, and within
//!    a second of a revocation. Publish that folder over HTTP, and write where into `crl_url`; in a
//!    profile of your own, `{authority}` in `crl-distribution-points` is the name of the file.
//! 4. `ca.toml` says what evidence the issuer hears of, and how old it may be, whatever the agents'
//!    policies say: only ID tokens that are bound to their requests. Any other source that an agent's
//!    policy admits needs a `[[rules.source]]` there too, else no card comes of it.
//! 5. `wardcard ca backup DIR --out FILE` keeps all of it in one sealed file, `wardcard ca restore`
//!    brings it back. `wardcard audit verify DIR/log/*.jsonl` verifies the record of certificates.
//! 6. `wardcard ca renew DIR --role authentication --name NAME` makes the next issuing authority
//!    beside the present one, which signs CRLs until its certificates have ended. A `ca serve` that
//!    runs issues by the new one within a second.
//! 7. `wardcard ca list DIR` lists what was issued: serial, person, profile, end, revocation.
//!
//! # Secrets
//!
//! `wardcard secrets --config FILE --ca DIR` lists the secrets that live long with their ages, warns
//! of old ones, and says how each is replaced. Nothing has to be restarted:
//!
//! | secret | how | overlap |
//! |---|---|---|
//! | `store.key`, `release.key` | `wardcard secrets rotate store` (or `enrolled`, `release`) | until `wardcard secrets retire`, the old key lies beside it as `NAME.previous` |
//! | an authority's `seal.key` | `wardcard ca reseal` | either opens while it goes on |
//! | an authority's passphrase | `wardcard ca reseal`, with the root's folder here | one of the two opens everything at any moment; `ca serve` has opened its keys and goes on |
//! | issuing authority | `wardcard ca renew` | the old one's certificates stay good, it signs CRLs |
//! | secret of hosts | `previous_secret_file` | both count while that file is there |
//! | `client_secret_file`, `client_key_file` | replace the file (by a rename); read at the next sign-in | the provider's: have it take both |
//! | `keys_file` of an attesting host | add the new key beside the old one; read at the next word | both keys stand in the file |
//! | keys of TLS | replace certificate and key; read for each connection | the old certificate's life |
//!
//! `rotate` seals everything under the new key in one transaction for each store, while the agent
//! runs; the old key opens nothing of the store as it is then. It may be killed at any moment:
//! `store.key.next` then holds the new key, either opens, and `wardcard secrets rotate` again ends
//! it. A backup from before opens by the old key alone: retire it when none is needed any more.
//! Several stores may share a key (an agent's with its `[enrolled]`; those of `WARDCARD_STORE`):
//! the configuration's are found, others are named by `--also DIR`, at `rotate` and at `retire`.
//! The index by which rows are found stays with the first key that a store ever had: who has that
//! key and a later copy learns whether a row of a known name is there, and nothing of what is in it.
//!
//! # One-time passcodes
//!
//! A host that fills in an application's prompt proves with the passcode source *one-time*, and asks
//! for a code when the prompt appears: for that card, that program's path, one login, and
//! `limits.one_time_seconds`. A driver that caches PINs (OpenSC) offers the code again on its
//! connection, which is refused without losing a try; the program then asks anew, and so does the
//! host. From another connection or program a used code costs a try like any wrong one.
//!
//! # An agent
//!
//! `examples/agent.toml` is a commented configuration. `wardcard agent --config FILE --check`
//! reads it as a whole and names every mistake with its line; `wardcard agent --config FILE`
//! serves until SIGTERM; `wardcard doctor --config FILE` says what is wrong on this machine and
//! what to do about it.
//!
//! *Personal mode* serves the user it runs as. *Ward mode* runs under a user of its own and shows
//! each logged-on user that user's card alone.
//!
//! A personal agent may show *enrolled cards* too, whose keys last: the table `[enrolled]` of the
//! configuration names the folder of their store. They are used after login, under the same policy
//! of hashes, gate and audit as the person's own. New cards and keys that were made elsewhere are
//! allowed by name only.
//!
//! # What a sign-in must be worth
//!
//! The policy is one document: the table `[policy]` of the configuration, or a file of its own that
//! `policy_file` names (`examples/policy.toml` shows every key). OpenID Connect is held to its
//! general values; a passkey, an existing card or a host's word counts only where a
//! `[[policy.source]]` names its kind, and several together only where a `[[policy.combination]]`
//! says what they are worth. `wardcard policy check FILE` names every mistake with its line;
//! `wardcard policy explain` says which rule decides what about a sign-in that is described
//! (`--source webauthn=2 --source host:badge`), or decided about a live card (`--card ID`).
//!
//! # Who may have a card
//!
//! The *roster* is a table in the agent's store: the 12 digits, the local account, the kind (staff,
//! temporary, robot), from when and until when, enabled or disabled. `wardcard roster import FILE`
//! shows what a CSV file would change, and `--apply` changes it; nothing is read of a file with
//! anything wrong in it. With `roster = "required"` who is not on it gets no card; with
//! `"optional"` only who is on it is held to it. Who is dropped, disabled or over loses live cards
//! within a second, and their passkeys. A robot never has a content commitment key. `wardcard
//! roster review` writes a file for a review, `wardcard roster decide` takes the decisions, keeps
//! them with who and when, and disables whom they remove.
//!
//! Where the roster names a local *account* for a person, that person's cards are for the seats of
//! that account alone: a sign-in elsewhere is refused, and a card that is elsewhere ends within a
//! second of the change. Names count as the system's name service has them, in any case of letters;
//! `NAME@DOMAIN` and `DOMAIN\\NAME` are also `NAME`. An empty account binds nobody, and
//! `roster_accounts = "noted"` binds no one at all: for wards whose people share an account.
//!
//! Each change and decision stands in the audit log with who and when (`roster-changed`,
//! `roster-decided`). The command writes the store and the agent the log: within half a minute
//! while it runs, else at its next start; each record carries the number of its change.
//!
//! # Emergencies
//!
//! *Break-glass* is off unless a `[[policy.source]]` with a name says `break_glass = "30m"`. A sign-in
//! by that source which meets its own, lower, `least_authentication` and `least_identity`, and not
//! those of every sign-in, then makes a card that lives so long at most. It is derived, never
//! released, and has no content commitment key; its proof is bound to the request and checked
//! online; it serves for no step-up. The issuer's own rules hold for it as for any: the least levels
//! in `ca.toml` have to admit it. It is marked in `wardcard status` and `cards`, and the audit log
//! has a record `break-glass` of its own. A robot gets none. A sign-in as strong as every sign-in has
//! to be makes an ordinary card.
//!
//! # The life of a card
//!
//! A card ends with the first of: the policy's lifetime, the CIS1 end date, the person's time on
//! the roster, its certificates. A new proof in the same place renews it with new keys. It locks
//! when the host says so or after `idle_lock` without use, and ends when nobody comes back within
//! `grace`. `wardcard person suspend` takes a person's cards out of use everywhere, across
//! restarts; `wardcard person end` ends them; `wardcard stop-all` ends every card at once, and
//! none is made until `wardcard start-again`. `wardcard cards` lists the live ones with states,
//! reasons and ends, and the last 256 that ended. With `content_commitment_step_up` a use of that
//! key needs a fresh proof by the card's person, each time or within a period.
//!
//! When provider, issuer or network are gone, live cards last to their end; new ones come only from
//! sources that the policy allows `offline`, and are marked so in the assurance and the audit log.
//!
//! # Signing in
//!
//! A host that signs people in itself hands over the ID token: the request's nonce is `nonce` of its
//! authentication request, or `state` where the provider returns `s_hash`. A host without a code
//! flow of its own lets the agent do it: `wardcard sign-in` opens the system's browser and takes the
//! redirect on 127.0.0.1; in a program it is `Agent::begin_sign_in` and `finish_sign_in`
//! (`wardcard_request_sign_in_begin`, `_finish`). The client's secret or key stands in the agent's
//! configuration (`client_secret_file`, `client_key_file`) and nowhere else. `--tokens FILE` hands
//! the tokens of the same sign-in to a program that speaks CIS2 itself.
//!
//! CIS2 is named by a preset: `preset = "cis2-production"` or `"cis2-integration"`; what a
//! deployment writes beside it goes before it. The redirect URI to register is
//! `http://127.0.0.1/callback`; a provider that compares ports too needs `--redirect-port`.
//!
//! The provider's back-channel logout ends the cards of a session at once: name the address of the
//! proxy in front of `[logout]` as the client's `backchannel_logout_uri`, or hand the tokens in
//! (`wardcard host logout-token`, `Agent::logout_token`).
//!
//! # Released cards
//!
//! With `release = true` in `[policy]` an agent of either mode keeps keys whose certificates another
//! authority issued (NHS registration), and releases a working copy of them for each strong sign-in
//! of their person:
//!
//! ```sh
//! wardcard enrol new 555000000001 --out requests        # keys here; PKCS#10 requests out
//! wardcard enrol import 555000000001 authentication.crt --chain issuing.pem
//! wardcard enrol adopt 0123456789abcdef 555000000001 --passcode-file - # or: a tool filled a card
//! wardcard enrol list                                   # with the ends of certificates
//! wardcard enrol renew 555000000001                     # new keys beside the old; then import
//! ```
//!
//! `roots_file` in `[enrolled]` names the roots that the certificates must lead to; an import checks
//! key, person, subject, keyUsage, path and dates, tells every problem, and takes all certificates
//! or none. Two years pass quickly: from `renewal_notice` (90 days) before the first certificate
//! ends, `enrol list`, `wardcard status` and the card itself say so, and the audit log does once a
//! day. The person signs in as for any card, after `wardcard host request --release PERSON` or
//! [`Agent::request_release`](crate::agent::Agent::request_release); passcode, policy, ends and
//! audit are the same. The commands ask the agent at its host endpoint; with `--offline --config
//! FILE` they work while none runs (the log has them between `offline-began` and `offline-ended`).
//! `enrol remove` asks for the number once more, or takes `--yes`.
//!
//! Registration certifies what each request asks for: its subject (`O=nhs, OU=people,
//! CN=` and the 12 digits), its key, and keyUsage as in its extensionRequest: digitalSignature alone
//! for authentication, nonRepudiation alone for content commitment; no authority (basicConstraints
//! without CA). Nothing is enrolled or renewed where `roots_file` is not configured.
//!
//! Two files belong together with the store of the enrolled cards: `store.key` and `release.key`.
//! A backup needs all three, each kept apart from the others. A key file is made with the first
//! store or enrolment, never in the place of a lost one: the agent refuses to start, and `wardcard
//! doctor` says which file to restore. Where `release.key` is lost for good, start with `release =
//! false`, remove the enrolments, and enrol anew. Who is taken off the roster loses the
//! enrolment within about a minute; who is disabled, or whose time is over, keeps it, and nothing
//! of it is released meanwhile. Where release is switched off, the next start closes every card
//! that a passcode opens to release; keys that were made here stay sealed, since nothing else opens
//! them, until their enrolment is removed.
//!
//! # Applications
//!
//! An application loads `libwardcard.so` as its PKCS#11 module. It finds the agent at
//! `$WARDCARD_AGENT`, else at `/run/wardcard/pkcs11`, else at `$XDG_RUNTIME_DIR/wardcard/pkcs11`.
//! Applications that already speak p11-kit's RPC (`p11-kit-client.so` with
//! `P11_KIT_SERVER_ADDRESS=unix:path=...`) need no module of ours.
//!
//! A client believes a server that runs as its own user, as root, as the owner of
//! `/run/wardcard`, or as a user named in `/etc/wardcard/client.toml`:
//!
//! ```toml
//! servers = [991]                                  # the agent's user, not the host's
//! ```
