//! What is protected, from whom, and what is not.
//!
//! # Assets
//!
//! | asset | where it is | how it is kept |
//! |---|---|---|
//! | a card's private keys | the agent's memory, for the life of the card | never leave [`crate::crypto`]; erased at the end; the process is not dumpable |
//! | an enrolled card's keys | a store, and the memory of who uses them after a login | sealed under a random card key, which opens with the passcode **and** the store's key; each use by permit, never exported |
//! | an enrolled card's keys, for release | the same store | the card key once more, sealed for card and person under the key of release, `release.key`, a file of its own beside the agent's state; it exists after an enrolment for a named person only, and is opened only for a proof of that person |
//! | the passcode | entered in the application, seen by the agent for one login | an Argon2id verifier in the store; frames and buffers erased |
//! | the issuing key | `wardcard ca serve`, a process and user of its own | sealed, or mode 0600; inside the agent only when configured by name; its certificate is constrained to `O=nhs, OU=people`, path length 0 |
//! | the root key | offline | written to a folder of its own by `ca init`, to be moved away |
//! | the host's secret | a file of mode 0600 of the SSO agent's user | never sent: both ends prove that they know it |
//! | the audit log | the state folder | append-only, hash-chained; its head is kept in the store |
//! | ID tokens | the agent's memory, during one call | erased after the proof has been judged |
//! | the client's secret or key at the provider | a file of the agent's own, mode 0600 | read by the agent alone; hosts and `wardcard sign-in` never see it, nor the code verifier of a sign-in |
//!
//! # Attackers
//!
//! | who | can | cannot | what stops it |
//! |---|---|---|---|
//! | **a process of the clinician's own user** | use the card as the policy allows once it is verified on its own connection; see what the clinician's screen and keyboard see, and so learn a passcode that is typed there; end its own user's applications | read keys or passcodes from the agent (ward mode: another user id; personal mode: not dumpable, no ptrace); call a host's verb; reach the issuer; get a card without a proof; try more than 3 passcodes | user ids, `PR_SET_DUMPABLE`, the host endpoint's secret, tries on disk before the answer |
//! | **another user of the machine** | see that an agent runs | reach the person's card, burn the person's tries, see another seat's card | socket modes, the peer's user id from the kernel, one tray per seat |
//! | **root of the machine** | everything while the card lives: root reads memory, replaces the module, types in the application | find keys, passcodes or tokens after the card's end; alter old audit lines unnoticed by whoever kept the head | erasure at the end; the hash chain. Root is trusted during the session; that is a limit of every software card |
//! | **the network** | delay or drop | forge a proof; replay one; downgrade a signature algorithm; feed metadata | TLS with the system's or configured roots, exact issuer, algorithm lists, nonce bound to the card's keys, each proof once |
//! | **a stolen disk** | read configuration, certificates, the audit log | read keys (derived cards have none on disk), sealed rows, passcodes | sealing; Argon2id with at least 19 MiB and 2 passes, mixed with nothing an attacker has without the store's key. Where the store's key lies on the same disk, the disk's encryption is what protects it |
//! | **a hostile application** that loaded the module | send any call and any frame; keep its connection for ever | crash the agent or another application; use memory without bound; use a key without a record; get a SHA-1 signature by the content commitment key, or a raw block signed | total parsers, limits per connection; for each user, over all connections, a budget of memory, of keys in use at a time and of slow calls, and a bound on refusals that are recorded; the gate, the hash policy in `Card::sign` |
//! | **a hostile host** (the SSO agent itself) | ask for cards for people whose proofs it holds; remove, lock, deny; where the policy admits WebAuthn or its word, register an authenticator of its own for somebody, or vouch for them, up to the level granted | make a card without a proof that a configured source signed for that request; read a key; use a card unrecorded | proofs are verified by us, bound to the request's keys, used once; the audit log |
//! | **a hostile host or registration clerk**, with enrolments | enrol a person whom the roster allows; import certificates of that person; end an enrolment | have keys released without a proof by their person; get a private key out; import a certificate for another key, person or use, or from an authority outside the configured roots | the proof names the person, the wrapping is bound to card and person, every certificate is checked, each step is on record with who asked |
//! | **a hostile issuer** | refuse; certify somebody else elsewhere | put a certificate for another person or key on a card | certificates are checked against request, person, usage and roots before a card exists |
//! | **a hostile agent** towards an application | refuse, delay, answer nonsense | crash the application; get a passcode before the client has checked the server's user and folder | the client checks the peer before it sends; its decoder is total |
//!
//! # What each face trusts
//!
//! | face | trusts | believes nothing of |
//! |---|---|---|
//! | `C_*` in the application | the agent's user id and the socket's folder | the frames that the agent sends |
//! | wire, in the agent | the kernel's word about the peer | anything the peer says about itself |
//! | host endpoint | who knows the secret, or runs as a configured user id | the contents of its messages: proofs are verified |
//! | `wardcard_*` | the process that links it: it *is* the host | lengths and pointers as far as they can be checked |
//! | issuer's endpoint | configured user ids; over TLS 1.3 clients by the names of their certificates under a root of the deployment's own | requests: each carries a proof of possession, and the issuer has rules of its own; a client revokes what it ordered, nothing else |
//!
//! Who a peer is (executable, logon session) serves attribution and administration. It is not a
//! barrier against code of the same user, which can start a permitted program and steer it.
//!
//! # How far erasure goes
//!
//! Keys, passcodes, tokens and frames are erased by their owners. Libraries make copies that no
//! owner erases (big numbers during PKCS#1 v1.5 decryption are one): the program `wardcard` erases
//! every heap block that it gives back, so nothing is left after a card's end. A host that embeds
//! the library keeps its own allocator: there a private key's primes may stay in freed heap after a
//! decryption. Such a host runs the agent as the program, or installs an allocator that erases.
//!
//! # Limits to know
//!
//! - In personal mode the host's secret lies in a file of the same user, since the agent has to
//!   read it. It keeps out processes that do not look for it, not malware of that user: the
//!   barrier is a host of another user id, as in ward mode.
//! - The audit chain has no key. Altered, missing or exchanged records show; records cut off at the
//!   end show only against a head that is remembered elsewhere: the agent keeps it in its sealed
//!   store, at most a second old, and `wardcard audit verify --head` compares with one kept by an
//!   administrator.
//! - With `raw_blocks` on, any block is signed with the authentication key, a SHA-1 DigestInfo in an
//!   unusual encoding among them; through a reader, where clients pad and unpad themselves, it does
//!   the bare RSA operation.
//! - A card that another application's wrong passcodes have blocked goes on for connections that
//!   had verified before (design: login belongs to one connection, tries to the person).
//! - An agent that names no roots of its issuer believes the roots that the issuer first names.
//!   Configure `issuer.roots_file`.
//! - `WARDCARD_STORE` puts keys into the application's own process: whatever reads that process's
//!   memory after a login reads them, and nothing is recorded. It is for registration tools and
//!   test suites; a person's everyday card belongs to an agent.
//! - The key of release is a file of its own and no child of the store's key: a registration tool, a
//!   program with `WARDCARD_STORE`, or a thief of store and store's key still needs a passcode, and
//!   deleting one file of 32 bytes closes every enrolment at once. Who has store, store's key **and**
//!   key of release, which is the agent's user and root, opens what is enrolled without anybody's
//!   proof: the agent's code is what asks for one. A key in hardware is for a later leaf.
//! - A renewal does not open the old card: its new keys lie on a card of their own.
//! - Where release is switched off in the policy, a card that was enrolled here keeps its wrapping,
//!   since nothing else opens it: of no use to this agent, which does not load the key of release,
//!   and to be ended by `wardcard enrol remove`.
//! - An enrolled certificate is checked against the roots at its import. Revocation by the other
//!   authority is not looked up at each release: who learns of one ends the enrolment.
//! - Who has an enrolled card's store **and** its key guesses passcodes as fast as Argon2id lets
//!   them, tries or no tries; and sees how many objects there are, of what size and kind of key.
//! - A child made by fork while another thread of its parent was drawing random numbers must not end
//!   by exit(3), whose handlers wait for that thread (the aws-lc back end); _exit(2) and execve(2)
//!   are safe.
//! - While a provider cannot be reached, keys that it withdrew meanwhile still serve, for
//!   `stale_keys` and only where the policy admits what was checked offline. Who can cut the
//!   provider off can bring that about.
//! - Whoever reaches the endpoint of logout tokens learns whether it is there, and can keep it busy.
//!   It ends cards for tokens alone that the provider signed.
//! - Readers over TCP (vpcd, USB/IP, VSCARD on a port) know no more of the other end than the user that
//!   the kernel's table of connections names: every program of root, of the agent's user and of a
//!   user of `users` is believed. Where beyond_loopback is set, so is whoever reaches the port.
//! - An old copy of the store, put back by its owner, brings back the tries of its day.
//!
//! # Out of scope
//!
//! - Malware in the clinician's session that steers an application which the clinician unlocked.
//! - Root or the kernel during a session; memory attacks on hardware (cold boot, DMA).
//! - Side channels of the processor beyond what the back ends defend against.
//! - Denial of service by the machine's own administrator.
//! - The strength of the sign-in itself: a provider that vouches for the wrong person is believed.
//! - Availability of the provider and the issuer.
