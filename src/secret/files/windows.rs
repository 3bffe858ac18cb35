//! By owner and access control list. What is made here has a list of its own from its first moment,
//! which nothing is inherited into.
#![allow(unsafe_code)]

use super::Access;
use crate::secret::windows::{Descriptor, access_of_handle, access_of_path, done, wide};
use std::{
    fs::{self, File},
    io,
    os::windows::{
        fs::OpenOptionsExt as _,
        io::{AsHandle as _, AsRawHandle as _, FromRawHandle as _},
    },
    path::Path,
    ptr,
};
use windows_sys::Win32::{
    Foundation::{GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE},
    Storage::FileSystem::{
        BY_HANDLE_FILE_INFORMATION, CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_APPEND_DATA,
        FILE_ATTRIBUTE_NORMAL, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
        GetFileInformationByHandle, OPEN_ALWAYS, SYNCHRONIZE,
    },
};

pub(super) const MAKE_PRIVATE: &str =
    "icacls FILE /inheritance:r /grant:r \"%USERNAME%:F\", and have it belong to this user";

pub(super) fn close_to_others(path: &Path) -> String {
    format!("run icacls \"{}\" /inheritance:r /grant:r \"%USERNAME%:F\"", path.display())
}

/// Others may rename and remove it while it is open, as on Unix.
const SHARED: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

pub(super) fn of(file: &File) -> io::Result<Access> {
    access_of_handle(file.as_handle(), true)
}

pub(super) fn at(path: &Path, _follow: bool) -> io::Result<Access> {
    access_of_path(path)
}

fn open(path: &Path, access: u32, how: u32) -> io::Result<File> {
    let (path, descriptor) = (wide(path.as_os_str())?, Descriptor::private()?);
    let attributes = descriptor.attributes();
    // SAFETY: `path` has its end, and `attributes` and what it points to live through the call.
    let handle = unsafe {
        CreateFileW(
            path.as_ptr(),
            access,
            SHARED,
            &raw const attributes,
            how,
            FILE_ATTRIBUTE_NORMAL,
            ptr::null_mut(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system has just made this handle for us and nothing else owns it.
    Ok(unsafe { File::from_raw_handle(handle) })
}

pub(super) fn create_new(path: &Path) -> io::Result<File> {
    open(path, GENERIC_READ | GENERIC_WRITE, CREATE_NEW)
}

pub(super) fn create_new_with(path: &Path, mode: u32) -> io::Result<File> {
    if mode & 0o077 == 0 {
        return create_new(path);
    }
    File::options().read(true).write(true).create_new(true).share_mode(SHARED).open(path)
}

pub(super) fn mode(path: &Path) -> io::Result<u32> {
    Ok(if access_of_path(path)?.open { 0o644 } else { 0o600 })
}

/// It has its list from its first moment, and nobody else may give it another.
pub(super) fn make_private(_: &Path, file: &File) -> io::Result<()> {
    if of(file)?.open {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is open to others"));
    }
    Ok(())
}

/// Folders take no lock here; a file in it does.
pub(super) fn open_folder_to_lock(folder: &Path) -> io::Result<File> {
    open_to_lock(&folder.join(".lock"))
}

pub(super) fn open_append(path: &Path) -> io::Result<File> {
    // Without the right to write elsewhere than at the end.
    open(path, GENERIC_READ | FILE_APPEND_DATA | SYNCHRONIZE, OPEN_ALWAYS)
}

pub(super) fn open_to_lock(path: &Path) -> io::Result<File> {
    open(path, GENERIC_READ | GENERIC_WRITE, OPEN_ALWAYS)
}

pub(super) fn open_read(path: &Path) -> io::Result<File> {
    File::options().read(true).share_mode(SHARED).open(path)
}

pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    let (path, descriptor) = (wide(path.as_os_str())?, Descriptor::private()?);
    let attributes = descriptor.attributes();
    // SAFETY: `path` has its end, and `attributes` and what it points to live through the call.
    done(unsafe { CreateDirectoryW(path.as_ptr(), &raw const attributes) })
}

pub(super) fn make_folders(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folders(parent)?;
    }
    match make_folder(path) {
        // Somebody else has made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// NTFS has names in its journal, and there is no call to wait for it; that the folder is there is
/// all that can be asked.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::metadata(folder).map(|_| ())
}

/// Volume, number, length, times of making and writing.
pub(super) type Stamp = (u32, u64, u64, u64, u64);

pub(super) fn stamp(file: &File) -> io::Result<Stamp> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle lives through the call, and `found` is a live local of the type written.
    done(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) })?;
    let wide = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    let time = |time: windows_sys::Win32::Foundation::FILETIME| {
        wide(time.dwHighDateTime, time.dwLowDateTime)
    };
    Ok((
        found.dwVolumeSerialNumber,
        wide(found.nFileIndexHigh, found.nFileIndexLow),
        wide(found.nFileSizeHigh, found.nFileSizeLow),
        time(found.ftCreationTime),
        time(found.ftLastWriteTime),
    ))
}
