//! Panics, pointers, handles and the exported tables: the only part that C code meets.
//!
//! | part | holds |
//! |---|---|
//! | `guard` | the one place where panics end |
//! | `pointers` | the one place where a caller's pointers become values, and values a caller's output |
//! | `interface` | the exported `C_GetFunctionList`, `C_GetInterfaceList`, `C_GetInterface` |
//! | `calls` | the functions of CK_FUNCTION_LIST |
//! | `templates` | CK_ATTRIBUTE and CK_MECHANISM, and the width of CK_ULONG |
//! | `process` | what a process has initialized; fork |
//! | `choose` | which cards a loaded module shows |
//! | [`host`] | `wardcard.h`, the interface of SSO agents |

mod calls;
mod choose;
mod guard;
pub mod host;
mod interface;
mod pointers;
mod process;
mod templates;

pub use interface::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};
pub use process::serve_in_process;
