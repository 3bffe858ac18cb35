//! The privileges that the service keeps; the system takes the others from its token when it starts
//! (SERVICE_REQUIRED_PRIVILEGES_INFO).
#![allow(unsafe_code)]

use crate::secret::windows::done;
use std::io;
use windows_service::service::Service;
use windows_sys::Win32::System::Services::{
    ChangeServiceConfig2W, SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO,
    SERVICE_REQUIRED_PRIVILEGES_INFOW,
};

/// To walk through folders, which everybody may, and to lock the pages of secrets. Impersonation is
/// not among them: who is at the other end of a pipe is recognised without it.
const KEPT: &str = "SeChangeNotifyPrivilege\0SeIncreaseWorkingSetPrivilege\0\0";

pub(super) fn require(service: &Service) -> io::Result<()> {
    let mut kept: Vec<u16> = KEPT.encode_utf16().collect();
    let info = SERVICE_REQUIRED_PRIVILEGES_INFOW { pmszRequiredPrivileges: kept.as_mut_ptr() };
    // SAFETY: the handle lives as long as `service`; `info` is of the type that goes with the number,
    // and its list has its end and lives through the call.
    done(unsafe {
        ChangeServiceConfig2W(
            service.raw_handle(),
            SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO,
            (&raw const info).cast(),
        )
    })
}
