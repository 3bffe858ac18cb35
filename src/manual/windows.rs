//! Windows: what is built for whom, the agent as a service, applications, and the card in a reader.
//!
//! **Nothing here has been run on a real Windows yet.** What is said to be *tried* was tried under
//! Wine 8 on Debian 12 (`.ci/windows`), whose services, accounts, data protection and sockets are
//! not those of Windows. What is said to be *not tried* is written from the documents of Microsoft and
//! of the projects that are named.
//!
//! # What is built
//!
//! | file | width | for |
//! |---|---|---|
//! | `wardcard.dll` | 64 bits | 64-bit applications; SSO agents that embed the agent |
//! | `wardcard.dll` | 32 bits | 32-bit applications, which most old clinical ones are |
//! | `wardcard.exe` | 64 bits | agent, service, issuer, `doctor` |
//!
//! An application loads the module of its own width; either talks to the one agent through a named
//! pipe. All come from Debian by `.ci/windows --release`, and import nothing but the system's own
//! libraries. Loading the module runs no code of ours: the work begins with `C_Initialize`.
//!
//! The program computes by aws-lc, the modules by RustCrypto (`wardcard status` says which the agent
//! has). A module signs through the agent, with the agent's aws-lc; its own back end counts where it
//! opens a store itself. It can be had with aws-lc in 64 bits (`cargo build --release
//! --target x86_64-pc-windows-gnu`), but each load and unload then leaves four handles in the process:
//! for programs that load it once.
//!
//! # The ward's agent: a service
//!
//! As an administrator:
//!
//! ```bat
//! mkdir "C:\Program Files\Wardcard"  "C:\Program Files (x86)\Wardcard"
//! copy wardcard.exe "C:\Program Files\Wardcard\"
//! copy x64\wardcard.dll "C:\Program Files\Wardcard\"
//! copy x86\wardcard.dll "C:\Program Files (x86)\Wardcard\"
//! mkdir C:\ProgramData\Wardcard
//! notepad C:\ProgramData\Wardcard\agent.toml
//! "C:\Program Files\Wardcard\wardcard.exe" agent --check --config C:\ProgramData\Wardcard\agent.toml
//! "C:\Program Files\Wardcard\wardcard.exe" service install --config C:\ProgramData\Wardcard\agent.toml
//! sc start wardcard
//! "C:\Program Files\Wardcard\wardcard.exe" service status
//! ```
//!
//! In `agent.toml` the mode is `ward`, users are security identifiers (`whoami /user`), and addresses
//! are `pipe:NAME`:
//!
//! ```toml
//! mode = "ward"
//!
//! [host]
//! address = "pipe:wardcard-host"
//! users = ["S-1-5-18"]                             # an SSO agent that runs as the system
//! ```
//!
//! `service install` needs an administrator. It refuses a program or a configuration that others can
//! change, or put another in the place of, up to the drive, and a configuration of a personal agent.
//! It makes:
//!
//! | what | how |
//! |---|---|
//! | account | `NT SERVICE\wardcard`, a virtual account: no password, nobody logs on with it |
//! | privileges | those to walk through folders and to lock memory; the system takes all others away |
//! | start | with the system, delayed; again 5, 30 and 120 seconds after a failure |
//! | end | told by stop, shutdown and pre-shutdown; has 15 seconds to remove all cards and close its log |
//! | `C:\ProgramData\Wardcard` | closed to all but administrators; everybody reads it, and the service may make a folder in it |
//! | `C:\ProgramData\Wardcard\state` | the service makes it at its first start, for itself alone |
//! | event log | the source `wardcard` in the log *Application*; errors with what to do, start and end |
//! | error reports | none of this program, for any user |
//!
//! A state folder elsewhere is the administrator's to make possible; `install` prints the command. A
//! second `install` is refused, `service remove` takes the service, the source and the exclusion away
//! and leaves state and configuration. Files of secrets that the configuration names must be readable
//! by the service and nobody else:
//!
//! ```bat
//! icacls host.secret /inheritance:r /grant:r *S-1-5-32-544:F "NT SERVICE\wardcard:R"
//! ```
//!
//! Clients believe a server of their own user, of the system or its administrators, and of
//! `NT SERVICE\wardcard`, whose identifier is made of the service's name; only an administrator makes
//! a service. Others stand in `C:\ProgramData\Wardcard\client.toml`.
//!
//! The end of a person's Windows session ends no card by itself: the SSO agent says when the person
//! is away or gone, as on Linux, and the policy's times do the rest.
//!
//! *Tried*: install, start, status, stop, remove; the second install; errors without a configuration.
//! *Not tried*: that Windows starts it under that account with those privileges; Wine runs every service
//! as the same user, and knows neither delayed starts nor required privileges.
//!
//! ## What an administrator cannot do yet
//!
//! The service's store opens for its account alone, and Windows has no way to run a command as a
//! virtual account by hand. So `wardcard roster`, `secrets rotate` and `doctor`, which open that store
//! themselves, are refused there even to an administrator: they are for a personal agent, run by its
//! person. What goes over the host's endpoint (`status`, `cards`, `person`, `stop-all`) works
//! for the users whom `[host]` names, and `wardcard audit verify` reads the log's files as an
//! administrator does.
//!
//! # A person's own agent
//!
//! `wardcard agent --config FILE` in the person's session. To start it at log-on, a task that runs
//! as that person, without a window of the console's kept:
//!
//! ```bat
//! schtasks /create /tn Wardcard /sc onlogon /rl limited /tr ^
//!     "\"C:\Program Files\Wardcard\wardcard.exe\" agent --config \"%APPDATA%\Wardcard\agent.toml\""
//! ```
//!
//! It ends with the session: the system tells it, and it has four seconds.
//!
//! # Keys that seal
//!
//! `store.key`, `release.key` and an authority's `seal.key` hold no key as it is: the system seals it
//! (DPAPI, CryptProtectData) for the account that runs, on this machine, with a word of ours as
//! additional entropy. A copied file opens nothing elsewhere; another account's, or a changed one, is
//! refused and says so. What follows:
//!
//! - **A backup of the folder opens on this machine alone**, under this account. Where a store has to
//!   survive its machine, bring the key: write 32 random bytes of your own to `store.key`, readable by
//!   the account alone, before the first start. They are sealed in place when they are first read; the
//!   copy in your safe goes into `store.key` of the next machine. `wardcard ca backup` does so by
//!   itself: its own passphrase seals, and `ca restore` seals for the machine it runs on.
//! - An administrator who *resets* the password of a local account takes its keys away. One that the
//!   person changes, and accounts of a domain, keep them. The service's account has no password.
//! - `secrets rotate` and `retire` work as everywhere, run by the account itself.
//!
//! # The process
//!
//! The agent and `ca serve` close their process to others of the same user, keep the pages of secrets
//! in memory and out of reports, make no crash reports, load libraries from the system's folder alone
//! and none over the network, and refuse hooks of windows, foreign fonts and wrong handles
//! (SetProcessMitigationPolicy). They do not forbid code that is made at run time: protection software
//! puts its own into every process. The module changes nothing of the process that loads it.
//!
//! # Applications
//!
//! ## Java (SunPKCS11)
//!
//! A file, `C:\ProgramData\Wardcard\java.cfg`; a 32-bit Java needs the 32-bit module.
//!
//! ```text
//! name = Wardcard
//! library = C:\Program Files\Wardcard\wardcard.dll
//! slotListIndex = 0
//! ```
//!
//! ```bat
//! keytool -list -storetype PKCS11 -addprovider SunPKCS11 -providerarg C:\ProgramData\Wardcard\java.cfg
//! ```
//!
//! ## Firefox
//!
//! For all of a machine, `distribution\policies.json` beside `firefox.exe` (or the group policy
//! `SecurityDevices`, under `Software\Policies\Mozilla\Firefox\SecurityDevices\Add`):
//!
//! ```json
//! { "policies": { "SecurityDevices": {
//!     "Add": { "Wardcard": "C:\\Program Files\\Wardcard\\wardcard.dll" } } } }
//! ```
//!
//! For one profile, with Firefox closed, by `modutil` of NSS:
//!
//! ```bat
//! modutil -dbdir sql:%APPDATA%\Mozilla\Firefox\Profiles\NAME -add Wardcard ^
//!     -libfile "C:\Program Files\Wardcard\wardcard.dll"
//! ```
//!
//! Firefox runs PKCS#11 modules in its own process; where it shows MY's certificates too
//! (`osclientcerts`), a card that lies in a reader as well is shown twice.
//!
//! ## Chrome, Edge, and whatever asks Windows
//!
//! They take certificates from the person's store MY, which no PKCS#11 module fills: see *the card in a
//! reader*.
//!
//! ## OpenSSL
//!
//! `pkcs11-provider` in `openssl.cnf`:
//!
//! ```text
//! [pkcs11]
//! module = C:\\Program Files\\OpenSSL\\lib\\ossl-modules\\pkcs11.dll
//! pkcs11-module-path = C:\\Program Files\\Wardcard\\wardcard.dll
//! activate = 1
//! ```
//!
//! ## Clients of the NHS's own
//!
//! *Inferred; make it configurable, and ask.* Old clients that speak PKCS#11 load a module whose path
//! stands in their settings, take the first slot, and a 32-bit client takes the 32-bit module; what they
//! ask of it is what the tests ask (`tests/windows/client.c` in their order). The Identity Agent,
//! Smartcard Connect up to 3.13.5 and the signing API for prescriptions look for certificates in MY, and
//! take those away whose issuer stands in their `TrustedCertificateIssuers` and whose card is gone. So
//! they need the reader. Whether the Identity Agent takes a card whose issuer is a trust's own is not
//! known; the real Spine does not.
//!
//! # The card in a reader
//!
//! **Not tried on a real Windows.** Three parts that others make, and ours: the agent serves a USB
//! device over USB/IP, the client of [usbip-win2](https://github.com/vadimgrn/usbip-win2) puts it into
//! this machine, Windows' own driver for CCID readers drives it, and Windows' own minidriver for PIV
//! cards reads the card, from which *Certificate Propagation* copies the certificates to MY.
//!
//! 1. The agent is a personal one, or one for a seat of one person. In its configuration:
//!
//!    ```toml
//!    [[reader]]
//!    kind = "usbip"
//!    address = "tcp:127.0.0.1:3240"
//!    ```
//!
//! 2. Install usbip-win2 as an administrator. Whether its driver is signed depends on the release:
//!    those that are not need Windows' test mode (`bcdedit /set testsigning on`), which no machine of a
//!    ward should be in. Its authors wrote of earlier releases that they are not ready for production
//!    and can stop the system.
//! 3. `usbip list -r 127.0.0.1` shows the device, `usbip attach -r 127.0.0.1 -b 1-1` plugs it in (with
//!    `--tcp-port` where the port is another), `usbip port` shows it, `usbip detach -p 1` pulls it.
//! 4. The device manager shows *Microsoft Usbccid Smartcard Reader*; `certutil -scinfo` finds the card.
//! 5. The services `SCardSvr` and `CertPropSvc` run; `certutil -user -store My` lists the certificates.
//!
//! Who connects is looked up in the system's table of connections (GetExtendedTcpTable): the process,
//! and its user, who must be the agent's own, an administrator's or the system's, or one of `users`. The
//! driver of usbip-win2 connects from inside the system, which is shown as the system's own process. A
//! process that may not be asked (another user's, seen from the service) is nobody, and so is one that is
//! gone or younger than its connection. *Not tried*: Wine names no process in that table, so that there
//! nobody is admitted.
//!
//! The minidriver takes a card's certificates only where its containers are as it expects, writes
//! nothing, and asks for the passcode in a window of its own. A program sees the reader of every session
//! of the machine: the same warning as in [`readers`](super::readers).
//!
//! ## Why no driver of ours
//!
//! Windows loads a driver only with a signature that Microsoft has given, for a company that it knows;
//! one that we sign ourselves asks each machine to give up that protection for all drivers. A virtual
//! reader (UMDF, class `SmartCardReader`) would be small; its signature is the deployer's to get.
//!
//! ## The other way into MY: a key storage provider
//!
//! CNG loads a library (`NCRYPT_KEY_STORAGE_FUNCTION_TABLE`, some 25 functions) under a name that an
//! administrator registers (BCryptRegisterProvider), without a driver and without Microsoft's signature.
//! With one of ours, a program in the person's session would put each certificate into MY with
//! CERT_KEY_PROV_INFO_PROP_ID that names the provider and the key, and take it away when the card goes; a
//! signature by it would be one call of the agent's, as from PKCS#11. What it takes: the provider in both
//! widths (`lsass` loads it too where a certificate logs people on), a window for the passcode, somebody
//! who fills MY, and a test on a real Windows. What asks by the old CryptoAPI, and asks for a
//! *reader*, as the Identity Agent does, is not reached that way. It is not built.
//!
//! # In other languages
//!
//! C: `include/wardcard.h` compiles with MinGW; the library is linked by name
//! (`x86_64-w64-mingw32-gcc sso_agent.c -I include wardcard.dll`). A user is named by
//! `wardcard_request_new_for` with the security identifier as text; `wardcard_request_new`, whose user
//! is a number, refuses any but `UINT32_MAX`, which is the agent's own. Python: as on Linux, with
//! `WARDCARD_LIBRARY` or `%ProgramFiles%\Wardcard\wardcard.dll`, in Python's own width.
