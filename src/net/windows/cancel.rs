//! What threads wait for on a socket, taken back.
#![allow(unsafe_code)]

use std::{net::TcpStream, os::windows::io::AsRawSocket as _, ptr};
use windows_sys::Win32::{Foundation::HANDLE, System::IO::CancelIoEx};

/// Takes back every read and write of this process that waits on the socket: the end of its two
/// directions (`shutdown`) is for those to come only.
pub(in crate::net) fn all(stream: &TcpStream) {
    // SAFETY: the handle lives through the call. With nothing to take back it fails, which is as good.
    unsafe { CancelIoEx(stream.as_raw_socket() as HANDLE, ptr::null()) };
}
