//! The system's files -> how much memory this process takes and the machine has.
//!
//! Invariant: a figure that the system does not tell is `None`, never a guess.
//!
//! `unsafe` is needed for the calls by which allocators tell what they keep, and return it.
#![allow(unsafe_code)]

use std::fs;
use std::path::Path;

/// The highest resident set of this process so far, in bytes, mapped file pages included.
pub fn peak_rss_bytes() -> Option<u64> {
    field_bytes(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// The resident set of this process now, in bytes, mapped file pages included.
pub fn rss_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Freed memory that the allocators keep for later, in bytes; some of it may not be resident.
///
/// The program's allocator is one, the C library's (for what is written in C) another.
pub fn kept_by_allocator_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    let kept = jemalloc::kept_bytes();
    #[cfg(not(target_os = "linux"))]
    let kept = None;
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes no memory, and may be made by any thread at any time.
    let kept = Some(kept.unwrap_or(0) + unsafe { libc::mallinfo2() }.fordblks as u64);
    kept
}

/// Has the allocators return to the system what they keep of freed memory. Takes up to a few
/// milliseconds.
pub fn return_free_memory() {
    #[cfg(target_os = "linux")]
    jemalloc::return_free_memory();
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes no memory, and may be made by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The program's allocator. In a program that has another one it has nothing to tell.
#[cfg(target_os = "linux")]
mod jemalloc {
    use std::ffi::CStr;
    use std::ptr::{from_mut, null_mut};

    use tikv_jemalloc_sys::mallctl;

    /// What is resident of its memory but not in use.
    pub(super) fn kept_bytes() -> Option<u64> {
        refresh();
        let resident = read(c"stats.resident")?;
        Some(resident.saturating_sub(read(c"stats.allocated")?) as u64)
    }

    /// Has it return what it keeps in all its arenas.
    pub(super) fn return_free_memory() {
        // The number stands for all arenas. The names and what they take: jemalloc(3).
        let purge = c"arena.4096.purge";
        // SAFETY: the name ends with a zero; without memory to read or write there is none to be
        // wrong about. The call may be made by any thread at any time.
        unsafe {
            mallctl(purge.as_ptr(), null_mut(), null_mut(), null_mut(), 0);
        }
    }

    /// Makes the figures those of now.
    fn refresh() {
        let mut epoch = 1_u64;
        let new = from_mut(&mut epoch).cast();
        // SAFETY: `epoch` is a number of the type that this name takes, and outlives the call.
        unsafe {
            mallctl(
                c"epoch".as_ptr(),
                null_mut(),
                null_mut(),
                new,
                size_of::<u64>(),
            );
        }
    }

    fn read(name: &CStr) -> Option<usize> {
        let (mut value, mut bytes) = (0_usize, size_of::<usize>());
        let (old, length) = (from_mut(&mut value).cast(), from_mut(&mut bytes));
        // SAFETY: both names are of numbers of this type, and `value` and `bytes` outlive the call.
        let result = unsafe { mallctl(name.as_ptr(), old, length, null_mut(), 0) };
        (result == 0).then_some(value)
    }
}

/// The memory this process may hope for, in bytes: the machine's, or the tightest limit of the
/// control groups it is in if that is less.
pub fn machine_memory_bytes() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo");
    let machine = meminfo
        .ok()
        .and_then(|text| field_bytes(&text, "MemTotal:"));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group_limit_bytes(&groups, Path::new("/sys/fs/cgroup"));
    machine.into_iter().chain(group).min()
}

/// The figure after `name` in a file of lines like `VmHWM:   123 kB`.
fn field_bytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The least memory limit among the control groups that `groups` (the text of `/proc/self/cgroup`)
/// names and those above them. `root` is where they are mounted.
fn group_limit_bytes(groups: &str, root: &Path) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        // `0::/path` in version 2, `4:memory:/path` in version 1, alone or among others.
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (mount, file) = if controllers.is_empty() {
            (root.to_owned(), "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            (root.join("memory"), "memory.limit_in_bytes")
        } else {
            return None;
        };
        // In a container the mount may show the group itself as its root: missing levels are
        // passed over and the mount is always looked at.
        let group = mount.join(path.trim_start_matches('/'));
        let levels = group
            .ancestors()
            .take_while(|level| level.starts_with(&mount));
        levels
            .filter_map(|level| fs::read_to_string(level.join(file)).ok())
            .filter_map(|limit| limit.trim().parse::<u64>().ok())
            .min()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_kilobytes() {
        let status = "Name:\tx\nVmPeak:\t  10 kB\nVmHWM:\t  2048 kB\n";
        assert_eq!(field_bytes(status, "VmHWM:"), Some(2 << 20));
        assert_eq!(field_bytes(status, "VmRSS:"), None);
        assert_eq!(field_bytes("VmHWM: many kB", "VmHWM:"), None);
    }

    #[test]
    fn the_tightest_group_counts() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        };
        let limit = |groups: &str| group_limit_bytes(groups, root.path());
        assert_eq!(limit(""), None);
        assert_eq!(limit("0::/\n"), None);
        write("a/memory.max", "3000\n");
        write("a/b/memory.max", "5000\n");
        write("a/b/c/memory.max", "max\n");
        assert_eq!(limit("0::/a/b/c\n"), Some(3000));
        assert_eq!(limit("0::/elsewhere\n"), None);
        write("memory.max", "2000\n");
        assert_eq!(limit("0::/not/mounted\n"), Some(2000));
        write("memory/x/memory.limit_in_bytes", "1000\n");
        assert_eq!(limit("5:cpu:/x\n4:cpu,memory:/x\n0::/a\n"), Some(1000));
        assert_eq!(limit("5:cpu:/x\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_takes_some_of_the_machine() {
        let now = rss_bytes().expect("procfs");
        let machine = machine_memory_bytes().expect("procfs");
        assert!(0 < now && now < machine, "{now} of {machine}");
        // The kernel counts the resident set in batches, so the peak may lag a little behind.
        let peak = peak_rss_bytes().expect("procfs");
        assert!(peak > now / 2, "{peak} after {now}");
    }
}
