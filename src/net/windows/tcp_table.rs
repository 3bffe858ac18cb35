//! The system's table of connections (GetExtendedTcpTable), and whose process has one.
//!
//! A row names a process by its number, and the number may be another's by the time it is looked up,
//! or the process may have handed its socket on and gone. So the process is held first, and counts
//! only if the same row still names it afterwards and it is older than the row.
#![allow(unsafe_code)]

use crate::{
    net::{peer::start_time, pipe::held},
    secret::{
        User,
        windows::{Sid, Token},
    },
};
use std::{
    ffi::c_void,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::windows::io::AsHandle as _,
    ptr,
};
use windows_sys::Win32::{
    Foundation::{ERROR_INSUFFICIENT_BUFFER, NO_ERROR},
    NetworkManagement::IpHelper::{
        GetExtendedTcpTable, MIB_TCP_STATE_ESTAB, MIB_TCP_STATE_LISTEN, MIB_TCP6ROW_OWNER_MODULE,
        MIB_TCP6TABLE_OWNER_MODULE, MIB_TCPROW_OWNER_MODULE, MIB_TCPTABLE_OWNER_MODULE,
        TCP_TABLE_OWNER_MODULE_ALL,
    },
    Networking::WinSock::{AF_INET, AF_INET6},
};

/// The process of the system itself, whose number never changes: what a driver connects is its.
const SYSTEM_PROCESS: u32 = 4;

/// One connection or listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Row {
    pub(in crate::net) listens: bool,
    pub(in crate::net) local: SocketAddr,
    /// Where it does not listen.
    pub(in crate::net) remote: SocketAddr,
    pub(in crate::net) process: u32,
    /// Since when, in the system's own count; 0 where it does not tell.
    pub(in crate::net) since: u64,
}

/// All of them; none where the system does not tell.
pub(in crate::net) fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = of(AF_INET.into(), four).into_iter().flatten().collect();
    rows.extend(of(AF_INET6.into(), six).into_iter().flatten());
    rows
}

/// Whose a row is, as long as `find` finds it again.
pub(in crate::net) fn owner(row: Row, find: impl Fn(&[Row]) -> Option<Row>) -> Option<User> {
    if row.process == SYSTEM_PROCESS {
        return Some(User(Sid::SYSTEM));
    }
    let process = held(row.process).ok()?;
    let user = Token::of_process(process.as_handle()).and_then(|token| token.user()).ok()?;
    let older = start_time(&process).is_some_and(|began| began <= row.since);
    let again = find(&rows())?;
    (older && again == row).then_some(User(user))
}

fn address(ip: impl Into<IpAddr>, port: u32) -> SocketAddr {
    // The lower half, in the order of the network.
    let port = u16::from_be((port & 0xFFFF) as u16);
    SocketAddr::new(ip.into().to_canonical(), port)
}

fn row(state: u32, local: SocketAddr, remote: SocketAddr, process: u32, since: i64) -> Option<Row> {
    let listens = match state.cast_signed() {
        MIB_TCP_STATE_LISTEN => true,
        MIB_TCP_STATE_ESTAB => false,
        _ => return None,
    };
    Some(Row { listens, local, remote, process, since: since.cast_unsigned() })
}

fn four(found: &MIB_TCPROW_OWNER_MODULE) -> Option<Row> {
    let ip = |bytes: u32| Ipv4Addr::from(bytes.to_ne_bytes());
    row(
        found.dwState,
        address(ip(found.dwLocalAddr), found.dwLocalPort),
        address(ip(found.dwRemoteAddr), found.dwRemotePort),
        found.dwOwningPid,
        found.liCreateTimestamp,
    )
}

fn six(found: &MIB_TCP6ROW_OWNER_MODULE) -> Option<Row> {
    row(
        found.dwState,
        address(Ipv6Addr::from(found.ucLocalAddr), found.dwLocalPort),
        address(Ipv6Addr::from(found.ucRemoteAddr), found.dwRemotePort),
        found.dwOwningPid,
        found.liCreateTimestamp,
    )
}

/// A table of the system's, with the place of its first row.
trait Table: Copy {
    const FAMILY_ROWS: usize;
}

impl Table for MIB_TCPROW_OWNER_MODULE {
    const FAMILY_ROWS: usize = std::mem::offset_of!(MIB_TCPTABLE_OWNER_MODULE, table);
}

impl Table for MIB_TCP6ROW_OWNER_MODULE {
    const FAMILY_ROWS: usize = std::mem::offset_of!(MIB_TCP6TABLE_OWNER_MODULE, table);
}

/// The table grows while it is asked for; it is asked for so often at most.
const TRIES: usize = 5;

fn of<R: Table>(family: u32, read: impl Fn(&R) -> Option<Row>) -> Option<Vec<Row>> {
    let mut length = 0;
    // Of eight bytes each, as the rows are aligned.
    let mut room: Vec<u64> = Vec::new();
    for _ in 0..TRIES {
        let place = match room.is_empty() {
            true => ptr::null_mut(),
            false => room.as_mut_ptr().cast::<c_void>(),
        };
        // SAFETY: `place` is none, or as long as `length` says, which is a live local.
        let answer = unsafe {
            GetExtendedTcpTable(place, &raw mut length, 0, family, TCP_TABLE_OWNER_MODULE_ALL, 0)
        };
        match answer {
            NO_ERROR if !room.is_empty() => {
                let count = usize::try_from(*room.first()? & 0xFFFF_FFFF).ok()?;
                let fit = (room.len() * 8).checked_sub(R::FAMILY_ROWS)? / size_of::<R>();
                let rows = room.as_ptr().cast::<u8>().wrapping_add(R::FAMILY_ROWS).cast::<R>();
                let all = (0..count.min(fit)).filter_map(|number| {
                    // SAFETY: so many rows lie in the room, which is aligned for them, by the reckoning
                    // above; they are plain numbers.
                    read(&unsafe { rows.wrapping_add(number).read() })
                });
                return Some(all.collect());
            }
            NO_ERROR | ERROR_INSUFFICIENT_BUFFER => {
                let words = usize::try_from(length).ok()?.div_ceil(8) + 64;
                room = vec![0; words];
                length = u32::try_from(words * 8).ok()?;
            }
            _ => return None,
        }
    }
    None
}
