//! `wardcard service`: the ward's agent as a service of Windows, under an account of its own.
//!
//! The account is the virtual one of the service, `NT SERVICE\wardcard`: it has no password, its
//! identifier is made of the service's name, and clients know it by that
//! ([`ServerTrust`](crate::net::ServerTrust)). A person's own agent is no service: it is
//! `wardcard agent`, started at log-on.

mod event_log;
mod place;
mod privileges;
mod run;

use super::{Outcome, configuration};
use crate::{
    agent::{Config, Mode},
    net::places,
    secret::reports_of,
};
use clap::{Args, Subcommand};
use std::{
    ffi::{OsStr, OsString},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};
use windows_service::{
    Error,
    service::{
        Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceErrorControl,
        ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceSidType,
        ServiceStartType, ServiceState, ServiceType,
    },
    service_manager::{ServiceManager, ServiceManagerAccess},
};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_INVALID_LEVEL, ERROR_SERVICE_DOES_NOT_EXIST,
    ERROR_SERVICE_MARKED_FOR_DELETE,
};

/// The name of the service, of its account and of its source in the event log.
const NAME: &str = "wardcard";
const ACCOUNT: &str = r"NT SERVICE\wardcard";
const SHOWN: &str = "Wardcard";
const DESCRIPTION: &str = "Virtual smartcards of the people who are signed in on this computer. \
                           Without it applications find no card.";
const ADMINISTRATOR: &str = "this needs an administrator: open a command prompt by \"Run as \
                             administrator\" and call it again";

/// What `wardcard service` does.
#[derive(Debug, Subcommand)]
pub(super) enum ServiceCommand {
    /// Makes the ward's agent a service, which starts with the system from now on
    Install(Configuration),
    /// Stops the service and takes it away; its state and its configuration stay
    Remove,
    /// Shows whether the service is installed, and whether it runs
    Status,
    /// What the service control manager starts
    #[command(hide = true)]
    Run(Configuration),
}

/// Which configuration.
#[derive(Debug, Args)]
pub(super) struct Configuration {
    /// The agent's configuration (TOML), in ward mode; the machine's is looked for
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Configuration {
    fn path(&self) -> Outcome<PathBuf> {
        let named = configuration(self.config.as_ref())?;
        std::path::absolute(&named).map_err(|error| format!("{}: {error}", named.display()).into())
    }
}

pub(super) fn run(command: &ServiceCommand, out: &mut dyn Write) -> Outcome {
    match command {
        ServiceCommand::Install(arguments) => install(&arguments.path()?, out),
        ServiceCommand::Remove => remove(out),
        ServiceCommand::Status => status(out),
        ServiceCommand::Run(arguments) => run::dispatched(arguments.path()?),
    }
}

/// The configuration of a service; one that a person's own agent has is refused.
fn ward(path: &Path) -> Outcome<Config> {
    let config = Config::load(path)?;
    if config.mode != Mode::Ward {
        let path = path.display();
        return Err(format!(
            "{path} is of a personal agent; a service is the ward's: write mode = \"ward\", or run \
             `wardcard agent --config {path}` in the person's session"
        )
        .into());
    }
    Ok(config)
}

fn install(path: &Path, out: &mut dyn Write) -> Outcome {
    let config = ward(path)?;
    let program = std::env::current_exe()?;
    let manager = manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)?;
    match manager.open_service(NAME, ServiceAccess::QUERY_STATUS) {
        Ok(_) => {
            return Err("the service is installed already; `wardcard service remove` first".into());
        }
        Err(error) if code(&error) == Some(ERROR_SERVICE_DOES_NOT_EXIST) => {}
        Err(error) => return Err(explained(&error).into()),
    }
    place::close_folder(path, config.state.as_deref())?;
    place::administrators_alone(&program, "the program")?;
    place::administrators_alone(path, "the configuration")?;
    let given = ServiceInfo {
        name: NAME.into(),
        display_name: SHOWN.into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: program.clone(),
        launch_arguments: ["service", "run", "--config"]
            .iter()
            .map(OsString::from)
            .chain([path.as_os_str().to_owned()])
            .collect(),
        dependencies: Vec::new(),
        account_name: Some(ACCOUNT.into()),
        account_password: None,
    };
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START | ServiceAccess::DELETE;
    let service = manager.create_service(&given, access).map_err(|error| explained(&error))?;
    let done = furnish(&service, out).and_then(|()| {
        event_log::register(&program)?;
        reports_of(&program, false)
            .map_err(|error| format!("the program's exclusion from error reports: {error}"))?;
        place::tell_of(config.state.as_deref(), out)
    });
    if let Err(error) = done {
        // Half of it would start with too many rights, or not at all.
        let _ = service.delete();
        let _ = event_log::unregister();
        let _ = reports_of(&program, true);
        return Err(error);
    }
    writeln!(out, "installed as {ACCOUNT}, with {}", path.display())?;
    writeln!(out, "start it: sc start {NAME}")?;
    Ok(())
}

/// What goes beyond a name and a program: the fewest rights, and what happens when it fails.
fn furnish(service: &Service, out: &mut dyn Write) -> Outcome {
    let restart = |seconds| ServiceAction {
        action_type: ServiceActionType::Restart,
        delay: Duration::from_secs(seconds),
    };
    let failures = ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(Duration::from_secs(24 * 3600)),
        reboot_msg: None,
        command: None,
        actions: Some(vec![restart(5), restart(30), restart(120)]),
    };
    for (what, done) in [
        ("description", service.set_description(DESCRIPTION)),
        ("delayed start", service.set_delayed_auto_start(true)),
        ("restart after a failure", service.update_failure_actions(failures)),
        ("restart after an error", service.set_failure_actions_on_non_crash_failures(true)),
        ("time to end in", service.set_preshutdown_timeout(run::TIME_TO_END)),
        ("identifier", service.set_config_service_sid_info(ServiceSidType::Unrestricted)),
        ("few privileges", privileges::require(service).map_err(Error::Winapi)),
    ] {
        match done {
            Ok(()) => {}
            // Not Windows, or a very old one.
            Err(error) if code(&error) == Some(ERROR_INVALID_LEVEL) => {
                writeln!(out, "this system knows no such setting of a service: {what}")?;
            }
            Err(error) => return Err(format!("{what}: {}", explained(&error)).into()),
        }
    }
    Ok(())
}

/// How long `remove` waits for the agent's end.
const PATIENCE: Duration = Duration::from_secs(20);

fn remove(out: &mut dyn Write) -> Outcome {
    let access = ServiceAccess::QUERY_STATUS | ServiceAccess::STOP | ServiceAccess::DELETE;
    let service = open(access)?;
    let begun = std::time::Instant::now();
    let state = || {
        Ok::<_, String>(service.query_status().map_err(|error| explained(&error))?.current_state)
    };
    if state()? != ServiceState::Stopped {
        service.stop().map_err(|error| explained(&error))?;
        while state()? != ServiceState::Stopped {
            if begun.elapsed() > PATIENCE {
                return Err(
                    "the service does not end; look into the event log, and call it again".into()
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    service.delete().map_err(|error| explained(&error))?;
    event_log::unregister()?;
    // It may have been taken back by hand.
    let _ = reports_of(&std::env::current_exe()?, true);
    writeln!(out, "removed; the state folder and the configuration stay as they are")?;
    Ok(())
}

fn status(out: &mut dyn Write) -> Outcome {
    let service = open(ServiceAccess::QUERY_STATUS | ServiceAccess::QUERY_CONFIG)?;
    let now = service.query_status().map_err(|error| explained(&error))?;
    let config = service.query_config().map_err(|error| explained(&error))?;
    let state = match now.current_state {
        ServiceState::Stopped => "stopped",
        ServiceState::StartPending => "starting",
        ServiceState::StopPending => "stopping",
        ServiceState::Running => "running",
        ServiceState::ContinuePending | ServiceState::PausePending | ServiceState::Paused => {
            "paused"
        }
    };
    match now.process_id {
        Some(id) => writeln!(out, "{state}, process {id}")?,
        None => writeln!(out, "{state}")?,
    }
    let account = config.account_name.unwrap_or_default();
    writeln!(out, "account: {}", account.display())?;
    writeln!(out, "command: {}", config.executable_path.display())?;
    if !account.eq_ignore_ascii_case(OsStr::new(ACCOUNT)) {
        writeln!(
            out,
            "clients believe {ACCOUNT}; another account has to stand in {}",
            places::client_settings().display()
        )?;
    }
    Ok(())
}

fn manager(access: ServiceManagerAccess) -> Outcome<ServiceManager> {
    let manager = ServiceManager::local_computer(None::<&str>, access);
    Ok(manager.map_err(|error| explained(&error))?)
}

fn open(access: ServiceAccess) -> Outcome<Service> {
    let service = manager(ServiceManagerAccess::CONNECT)?.open_service(NAME, access);
    Ok(service.map_err(|error| explained(&error))?)
}

fn code(error: &Error) -> Option<u32> {
    match error {
        Error::Winapi(error) => error.raw_os_error().map(i32::cast_unsigned),
        _ => None,
    }
}

/// What happened, and what to do.
fn explained(error: &Error) -> String {
    match (code(error), error) {
        (Some(ERROR_ACCESS_DENIED), _) => ADMINISTRATOR.to_owned(),
        (Some(ERROR_SERVICE_DOES_NOT_EXIST), _) => {
            "the service is not installed; `wardcard service install` does that".to_owned()
        }
        (Some(ERROR_SERVICE_MARKED_FOR_DELETE), _) => {
            "the service is being taken away; close what looks at services, and call it again"
                .to_owned()
        }
        (_, Error::Winapi(error)) => format!("the service control manager says: {error}"),
        (_, error) => error.to_string(),
    }
}
