//! The service itself: what the service control manager starts, tells, and hears.
#![allow(unsafe_code)]

use super::{super::Outcome, NAME, code, event_log, explained, ward};
use crate::{
    agent::{Agent, AgentParts},
    secret::harden,
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use windows_service::{
    define_windows_service,
    service::{
        ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus,
        ServiceType,
    },
    service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle},
    service_dispatcher,
};
use windows_sys::Win32::Foundation::ERROR_FAILED_SERVICE_CONTROLLER_CONNECT;

/// How long all cards and the audit log may take to come to their end.
pub(super) const TIME_TO_END: Duration = Duration::from_secs(15);
/// How long the start may take: keys are made ahead, and the store may be large.
const TIME_TO_START: Duration = Duration::from_secs(60);

static CONFIGURATION: OnceLock<PathBuf> = OnceLock::new();
static ENDING: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

define_windows_service!(entry, begin);

/// Serves until the manager says otherwise.
pub(super) fn dispatched(config: PathBuf) -> Outcome {
    CONFIGURATION.get_or_init(|| config);
    service_dispatcher::start(NAME, entry).map_err(|error| match code(&error) {
        Some(ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) => {
            "only the service control manager starts this; `wardcard service install`, then `sc \
             start wardcard`, or run `wardcard agent`"
                .into()
        }
        _ => explained(&error).into(),
    })
}

/// In a thread of the manager's.
fn begin(_: Vec<OsString>) {
    // It holds nothing: what a handler holds is freed at the first end that it hears of, and it may
    // be asked how it is after that.
    let Ok(handle) = service_control_handler::register(NAME, told) else { return };
    let tell = |state, code| status(handle, state, code);
    tell(ServiceState::StartPending, 0);
    let served = CONFIGURATION.get().map(|path| serve(path, handle));
    let code = match served {
        Some(Err(error)) => {
            event_log::failed(&error.to_string());
            1
        }
        _ => 0,
    };
    tell(ServiceState::Stopped, code);
}

fn serve(path: &Path, handle: ServiceStatusHandle) -> Outcome {
    let config = ward(path)?;
    // Before there is any secret, and before any thread of ours.
    let hardening = harden();
    let parts = AgentParts { hardening: Some(hardening), ..AgentParts::default() };
    let agent = Agent::start(config, parts)?;
    let stop = agent.stopper();
    std::thread::Builder::new().name("wardcard-service".to_owned()).spawn(move || {
        wait();
        stop();
    })?;
    status(handle, ServiceState::Running, 0);
    event_log::told(&format!("serving with {}", path.display()));
    agent.wait();
    status(handle, ServiceState::StopPending, 0);
    agent.stop();
    event_log::told("stopped; all cards are removed");
    Ok(())
}

/// What the manager says. Nothing is done here but to pass it on: it waits.
fn told(control: ServiceControl) -> ServiceControlHandlerResult {
    match control {
        ServiceControl::Stop | ServiceControl::Shutdown | ServiceControl::Preshutdown => {
            *ENDING.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            ENDING.1.notify_all();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    }
}

fn wait() {
    let ending = ENDING.0.lock().unwrap_or_else(PoisonError::into_inner);
    drop(ENDING.1.wait_while(ending, |ending| !*ending));
}

fn status(handle: ServiceStatusHandle, state: ServiceState, code: u32) {
    use ServiceControlAccept as Accept;
    let (accepts, wait) = match state {
        ServiceState::Running => {
            (Accept::STOP | Accept::SHUTDOWN | Accept::PRESHUTDOWN, Duration::ZERO)
        }
        ServiceState::StartPending => (Accept::empty(), TIME_TO_START),
        ServiceState::StopPending => (Accept::empty(), TIME_TO_END),
        _ => (Accept::empty(), Duration::ZERO),
    };
    let exit_code = match code {
        0 => ServiceExitCode::NO_ERROR,
        code => ServiceExitCode::ServiceSpecific(code),
    };
    let told = handle.set_service_status(ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: accepts,
        exit_code,
        checkpoint: 0,
        wait_hint: wait,
        process_id: None,
    });
    if let Err(error) = told {
        event_log::failed(&explained(&error));
    }
}
