//! Turns a bus error in one of our memory maps into a flag.
//!
//! Comes in: the address ranges of live maps ([`Watch::new`]). Goes out: whether a page of one
//! could not be read ([`Watch::is_damaged`]). Invariant: a bus error anywhere else behaves as if
//! this file did not exist.
//!
//! Reading a mapped page that lies past the end of a file that has shrunk raises SIGBUS, which
//! kills the process. The handler below looks the address up among the watched maps, flags the
//! map, lays zeros over the rest of it and lets the read go on; whoever read checks the flag
//! before using what came of it.
//!
//! A signal handler may neither lock nor allocate. So the watched maps form a list that only
//! grows at its head, of nodes that never move, change their range or go away; a map that is gone
//! is marked as such. Each map of a process's life costs one node of a few dozen bytes.
#![allow(unsafe_code)] // signal handling has no safe interface

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// A map under watch, until dropped.
pub(super) struct Watch(&'static Region);

struct Region {
    start: usize,
    end: usize,
    live: AtomicBool,
    damaged: AtomicBool,
    next: Option<&'static Region>,
}

/// The newest region; null or leaked from a box, hence valid for ever.
static HEAD: AtomicPtr<Region> = AtomicPtr::new(ptr::null_mut());

/// What handled SIGBUS before, once the handler is installed.
static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

/// The size of a page; set before the first region is watched.
static PAGE_BYTES: OnceLock<usize> = OnceLock::new();

impl Watch {
    /// Watches the map of `length` bytes at `base`, which starts on a page; installs the handler
    /// with the first one.
    ///
    /// # Errors
    /// If the system refuses the handler.
    ///
    /// # Safety
    /// From here until the watch is dropped, the pages of `base..base + length` must be a
    /// read-only map that nothing but readers of file content depends on: the handler may replace
    /// any of them.
    pub(super) unsafe fn new(base: *const u8, length: usize) -> io::Result<Self> {
        install()?;
        let start = base as usize;
        let mut head = HEAD.load(Ordering::Acquire);
        let region = Box::leak(Box::new(Region {
            start,
            end: start + length,
            live: AtomicBool::new(true),
            damaged: AtomicBool::new(false),
            next: None,
        }));
        let node: *mut Region = region;
        loop {
            // SAFETY: `node` is leaked, hence valid, and not yet shared; `head` is null or leaked
            // and never written to again.
            unsafe { (*node).next = head.as_ref() };
            match HEAD.compare_exchange_weak(head, node, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: leaked, and from now on only shared.
                Ok(_) => return Ok(Self(unsafe { &*node })),
                Err(newer) => head = newer,
            }
        }
    }

    /// Whether some page of the map could not be read and zeros were read instead.
    pub(super) fn is_damaged(&self) -> bool {
        self.0.damaged.load(Ordering::Acquire)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.live.store(false, Ordering::Release);
    }
}

fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| {
        PAGE_BYTES.get_or_init(rustix::param::page_size);
        let mut previous = MaybeUninit::uninit();
        // SAFETY: all zeros is a valid sigaction; the handler has the signature that SA_SIGINFO
        // asks for; both pointers are valid for the call.
        let failed = unsafe {
            let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_bus_error;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(libc::SIGBUS, &raw const action, previous.as_mut_ptr()) != 0
        };
        if failed {
            return Err(io::Error::last_os_error().raw_os_error().unwrap_or(0));
        }
        // SAFETY: sigaction succeeded and so has written it.
        PREVIOUS.get_or_init(|| unsafe { previous.assume_init() });
        Ok(())
    });
    installed.map_err(io::Error::from_raw_os_error)
}

/// The handler. Only loads and stores atomics and makes system calls.
extern "C" fn on_bus_error(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel hands over a valid siginfo, and SIGBUS has an address.
    let address = unsafe { (*info).si_addr() } as usize;
    // SAFETY: null or leaked.
    let mut next = unsafe { HEAD.load(Ordering::Acquire).as_ref() };
    while let Some(region) = next {
        if region.live.load(Ordering::Acquire)
            && (region.start..region.end).contains(&address)
            && lay_zeros(region, address)
        {
            return;
        }
        next = region.next;
    }
    hand_on(signal, info, context);
}

/// Lays zeros from the page of `address` to the end of the region: where one page of a file is
/// gone the rest is most likely gone too, and one signal is cheaper than one for each page.
fn lay_zeros(region: &Region, address: usize) -> bool {
    let Some(&page_bytes) = PAGE_BYTES.get() else {
        return false;
    };
    // The flag comes first: nobody may see a zero while it is unset.
    region.damaged.store(true, Ordering::Release);
    let page = address / page_bytes * page_bytes;
    // SAFETY: the pages belong to a live region, whose watcher agreed to this in `Watch::new`.
    let mapped = unsafe {
        libc::mmap(
            page as *mut c_void,
            region.end - page,
            libc::PROT_READ,
            libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    mapped != libc::MAP_FAILED
}

/// Lets the previous handler have the signal.
fn hand_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let previous = PREVIOUS.get().filter(|previous| {
        previous.sa_sigaction != libc::SIG_DFL && previous.sa_sigaction != libc::SIG_IGN
    });
    // SAFETY: a handler that was installed is a function of the signature its flags tell; it gets
    // the arguments the kernel meant for it. All zeros is a valid sigaction and means SIG_DFL.
    unsafe {
        match previous {
            Some(previous) if previous.sa_flags & libc::SA_SIGINFO != 0 => {
                let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                    std::mem::transmute(previous.sa_sigaction);
                handler(signal, info, context);
            }
            Some(previous) => {
                let handler: extern "C" fn(c_int) = std::mem::transmute(previous.sa_sigaction);
                handler(signal);
            }
            None => {
                // The faulting instruction runs again and meets the default: death by SIGBUS.
                let default: libc::sigaction = MaybeUninit::zeroed().assume_init();
                libc::sigaction(signal, &raw const default, ptr::null_mut());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    fn mapped(bytes: usize) -> (File, memmap2::Mmap) {
        let file = tempfile::tempfile().expect("a temporary file");
        file.set_len(bytes as u64).expect("room on the disk");
        // SAFETY: what these tests are about.
        let map = unsafe { memmap2::Mmap::map(&file) }.expect("a map");
        (file, map)
    }

    #[test]
    fn reads_past_a_new_end_give_zeros_and_a_flag() {
        let page = rustix::param::page_size();
        let (file, map) = mapped(8 * page);
        let (_other_file, other) = mapped(page);
        // SAFETY: both maps outlive their watch and are only read.
        let (watch, other_watch) = unsafe {
            let watch = Watch::new(map.as_ptr(), map.len()).expect("a watch");
            (watch, Watch::new(other.as_ptr(), other.len()).expect("two"))
        };
        assert_eq!(map[7 * page], 0);
        assert!(!watch.is_damaged());
        file.set_len(page as u64).expect("truncated");
        assert_eq!(map[..page].iter().max(), Some(&0));
        assert!(!watch.is_damaged(), "the first page is still there");
        assert_eq!(map[3 * page + 1..].iter().max(), Some(&0));
        assert!(watch.is_damaged());
        assert!(!other_watch.is_damaged());
    }

    /// Runs itself in a child process, where it dies.
    #[test]
    fn a_foreign_bus_error_still_kills() {
        const CHILD: &str = "CHUNKETL_TEST_FOREIGN_BUS_ERROR";
        if std::env::var_os(CHILD).is_some() {
            let page = rustix::param::page_size();
            let (_file, ours) = mapped(page);
            let (file, foreign) = mapped(page);
            // SAFETY: the map outlives its watch and is only read.
            let _watch = unsafe { Watch::new(ours.as_ptr(), ours.len()) }.expect("a watch");
            file.set_len(0).expect("truncated");
            let byte = std::hint::black_box(&foreign)[0];
            panic!("read {byte} from a page that is gone");
        }
        let child = Command::new(std::env::current_exe().expect("the test binary"))
            .args(["--exact", "--test-threads=1"])
            .arg("input::fault::tests::a_foreign_bus_error_still_kills")
            .env(CHILD, "1")
            .output()
            .expect("a child");
        assert_eq!(child.status.signal(), Some(libc::SIGBUS), "{child:?}");
    }
}
