//! What the standard library lacks: swapping two directories in one step, and telling a mount
//! point from a directory. Linux only; elsewhere the answers are "cannot" and "no".
#![allow(unsafe_code)] // system calls that std does not offer

use std::io;
use std::path::Path;

/// Gives `one` the name of `other` and `other` the name of `one`, as one step: at any moment each
/// name means the one or the other.
///
/// # Errors
/// The system's own; [`io::ErrorKind::Unsupported`] where there is no such call.
#[cfg(target_os = "linux")]
pub(super) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    let (one, other) = (c_path(one)?, c_path(other)?);
    // SAFETY: both pointers are to NUL-terminated strings that outlive the call.
    let failed = unsafe {
        libc::renameat2(
            libc::AT_FDCWD,
            one.as_ptr(),
            libc::AT_FDCWD,
            other.as_ptr(),
            libc::RENAME_EXCHANGE,
        )
    };
    if failed == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Whether something is mounted at `path`; false where the kernel cannot tell.
#[cfg(target_os = "linux")]
pub(super) fn is_mount_point(path: &Path) -> bool {
    let Ok(path) = c_path(path) else {
        return false;
    };
    let mut answer = std::mem::MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path is a NUL-terminated string and the buffer a `statx`; both outlive the call.
    let failed = unsafe { libc::statx(libc::AT_FDCWD, path.as_ptr(), 0, 0, answer.as_mut_ptr()) };
    // SAFETY: all zeros is a valid `statx`, and the call writes nothing but one.
    let answer = unsafe { answer.assume_init() };
    let mount_root = libc::STATX_ATTR_MOUNT_ROOT as u64;
    failed == 0 && answer.stx_attributes & answer.stx_attributes_mask & mount_root != 0
}

#[cfg(target_os = "linux")]
fn c_path(path: &Path) -> io::Result<std::ffi::CString> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::CString::new(path.as_os_str().as_bytes())?)
}

/// There is no such call here.
#[cfg(not(target_os = "linux"))]
pub(super) fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There is no such call here.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_mount_point(_: &Path) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn two_directories_swap_names() {
        let home = tempfile::tempdir().unwrap();
        let (one, other) = (home.path().join("one"), home.path().join("other"));
        fs::create_dir(&one).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(one.join("file"), "1").unwrap();
        exchange(&one, &other).unwrap();
        assert!(one.exists() && !one.join("file").exists());
        assert_eq!(fs::read(other.join("file")).unwrap(), b"1");

        let missing = exchange(&one, &home.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_root_is_a_mount_point_and_a_new_directory_is_none() {
        assert!(is_mount_point(Path::new("/proc")));
        assert!(!is_mount_point(tempfile::tempdir().unwrap().path()));
        assert!(!is_mount_point(Path::new("/no/such/directory")));
    }
}
