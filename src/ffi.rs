//! Panics, pointers, handles and the exported tables: the only part that C code meets.
//!
//! | part | holds |
//! |---|---|
//! | `guard` | the one place where panics end |
//! | `pointers` | the one place where a caller's pointers become values, and values a caller's output |
//! | `interface` | the exported `C_GetFunctionList`, `C_GetInterfaceList`, `C_GetInterface` |
//! | `calls` | the functions of the tables of 2.40, 3.0 and 3.2 |
//! | `templates` | CK_ATTRIBUTE, and the width of CK_ULONG |
//! | `mechanisms` | CK_MECHANISM and the structures of its parameter |
//! | `process` | what a process has initialized; fork |
//! | `choose` | which cards a loaded module shows |
//! | `ifd` | the exported `IFDH*`, by which pcscd drives a card as a reader's |
//! | [`host`] | `wardcard.h`, the interface of SSO agents |

mod calls;
mod choose;
mod guard;
pub mod host;
#[cfg(unix)]
mod ifd;
mod interface;
mod mechanisms;
mod pointers;
mod process;
#[cfg(test)]
#[cfg(windows)]
mod structures;
mod templates;

#[cfg(unix)]
pub use ifd::{
    IFDHCloseChannel, IFDHControl, IFDHCreateChannel, IFDHCreateChannelByName, IFDHGetCapabilities,
    IFDHICCPresence, IFDHPowerICC, IFDHSetCapabilities, IFDHSetProtocolParameters,
    IFDHTransmitToICC,
};
pub use interface::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};
pub use process::serve_in_process;
