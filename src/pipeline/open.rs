//! The inputs as they are named -> their paths -> open sources, as many at a time as there are
//! threads.
//!
//! Invariants: sources come in the order of their paths; of several that cannot be opened the first
//! one's error is the run's, whichever was found out first.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::crew::Crew;
use super::refeed::{self, Opened};
use crate::base::{Error, ErrorKind, Result};
use crate::config::Config;
use crate::input::{self, Intake};
use crate::report::{self, Progress, ProgressState, Refeed};
use crate::spill::TempSpace;

/// What is looked at where nothing is loaded, of a text that must be unpacked or transcoded first.
pub(super) const SNIFFED_BYTES: u64 = 8 << 20;

/// The memory assumed where the system does not tell.
const FALLBACK_MEMORY_BYTES: u64 = 4 << 30;

/// The least memory that unpacking is granted: with less no file of the usual settings opens.
const UNPACK_BYTES_MIN: usize = 16 << 20;

/// The paths of the inputs.
pub(super) fn discover(config: &Config) -> Result<Vec<PathBuf>> {
    input::discover(
        &config.input,
        config.files_from.as_deref(),
        config.files_max,
    )
}

/// What opening may take.
#[derive(Debug)]
pub(super) struct Room {
    /// Where temporary files go.
    pub(super) space: Arc<TempSpace>,
    /// Unpacking takes no more than half of this memory at any moment.
    pub(super) limit_bytes: usize,
    /// How much is wanted of texts that must be unpacked or transcoded, if not all.
    pub(super) beginning: Option<u64>,
}

impl Room {
    /// The memory that `config` grants, or most of the machine's; and the temporary files it does.
    pub(super) fn new(config: &Config, beginning: Option<u64>) -> Self {
        let machine = report::machine_memory_bytes().unwrap_or(FALLBACK_MEMORY_BYTES) as usize;
        let granted = config.memory_limit.map(|bytes| bytes as usize);
        let temp_dir = config.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
        Self {
            space: Arc::new(TempSpace::new(&temp_dir, config.temp_bytes_max)),
            limit_bytes: granted.unwrap_or(machine / 4 * 3),
            beginning,
        }
    }
}

/// What has arrived of the inputs that must be unpacked or transcoded first, whoever opens them.
struct Arrivals<'a> {
    state: ProgressState,
    shown: Mutex<(Instant, &'a mut Progress)>,
}

impl Arrivals<'_> {
    fn add(&self, bytes: u64) {
        const INTERVAL: Duration = Duration::from_millis(100);
        self.state.add(bytes, 0);
        // Whoever holds it shows these bytes too.
        if let Ok(mut shown) = self.shown.try_lock()
            && shown.0.elapsed() > INTERVAL
        {
            shown.1.tick(&self.state);
            shown.0 = Instant::now();
        }
    }
}

/// Opens `paths`, and shows how far that is where it takes long. Threads that have no file to open
/// unpack pieces of those that others open.
pub(super) fn sources(
    config: &Config,
    paths: &[PathBuf],
    room: &Room,
    interrupted: &AtomicBool,
    progress: &mut Progress,
) -> Result<Vec<Opened>> {
    let at_a_time = config.threads.min(paths.len()).max(1);
    let crew = Arc::new(match at_a_time {
        1 => Crew::beside_one(config.threads),
        _ => Crew::of_all(config.threads)?,
    });
    let unpack_bytes_max = (room.limit_bytes / 2 / at_a_time).max(UNPACK_BYTES_MIN);
    let intake = Intake::new(Arc::clone(&room.space))
        .unpack_bytes_max(unpack_bytes_max)
        .crew(Arc::clone(&crew) as _, unpack_bytes_max)
        .beginning(room.beginning)
        .encoding(config.encoding)
        .invalid_bytes(config.invalid_bytes);
    let arrivals = Arrivals {
        state: ProgressState::default(),
        shown: Mutex::new((Instant::now(), progress)),
    };
    if at_a_time == 1 {
        let open_next = |path: &PathBuf| {
            let mut known = 0;
            let mut go_on = |arrived: u64| {
                arrivals.add(arrived.saturating_sub(known));
                known = arrived;
                check(interrupted)
            };
            open(&intake, path, &mut go_on)
        };
        let opened: Result<Vec<_>> = paths.iter().map(open_next).collect();
        return Ok(opened?.into_iter().flatten().collect());
    }
    let failed = AtomicUsize::new(usize::MAX);
    let open_next = |(index, path): (usize, &PathBuf)| {
        let mut known = 0;
        let mut go_on = |arrived: u64| {
            arrivals.add(arrived.saturating_sub(known));
            known = arrived;
            // Whatever becomes of this source, an earlier one's error stands before it.
            if failed.load(Ordering::Relaxed) < index {
                return Err(ErrorKind::Interrupted.into());
            }
            check(interrupted)
        };
        let opened = go_on(0).and_then(|()| open(&intake, path, &mut go_on));
        if opened.is_err() {
            failed.fetch_min(index, Ordering::Relaxed);
        }
        opened
    };
    let paths = paths.par_iter().enumerate();
    let opened: Vec<_> = crew.install(|| paths.map(open_next).collect());
    let opened: Result<Vec<_>> = opened.into_iter().collect();
    Ok(opened?.into_iter().flatten().collect())
}

/// The sources at `path`: one, unless it holds rejects of several.
fn open(
    intake: &Intake,
    path: &Path,
    go_on: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Vec<Opened>> {
    match Refeed::path_for(path) {
        Some(beside) => refeed::open(path, &beside, intake, go_on),
        None => Ok(vec![intake.open(path, go_on)?.into()]),
    }
}

/// Fails once the run is to end.
pub(super) fn check(interrupted: &AtomicBool) -> Result<()> {
    if interrupted.load(Ordering::Relaxed) {
        return Err(ErrorKind::Interrupted.into());
    }
    Ok(())
}

/// As many threads.
pub(super) fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build()
        .map_err(|error| Error::io("start", "worker threads", std::io::Error::other(error)))
}
