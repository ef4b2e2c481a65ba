//! The inputs as they are named -> their paths -> open sources, as many at a time as there are
//! threads.
//!
//! Invariants: sources come in the order of their paths; of several that cannot be opened the first
//! one's error is the run's, whichever was found out first.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;

use super::refeed::{self, Opened};
use crate::base::{Error, ErrorKind, Result};
use crate::config::Config;
use crate::input::{self, Intake};
use crate::report::Refeed;

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

/// Opens `paths`. Unpacking them takes no more than half of `limit_bytes` at any moment.
pub(super) fn sources(
    config: &Config,
    paths: &[PathBuf],
    limit_bytes: usize,
    interrupted: &AtomicBool,
) -> Result<Vec<Opened>> {
    let at_a_time = config.threads.min(paths.len()).max(1);
    let temp_dir = config.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
    let intake = Intake::new(&temp_dir)
        .temp_bytes_max(config.temp_bytes_max)
        .unpack_bytes_max((limit_bytes / 2 / at_a_time).max(UNPACK_BYTES_MIN))
        .encoding(config.encoding)
        .invalid_bytes(config.invalid_bytes);
    if at_a_time == 1 {
        let mut go_on = |_| check(interrupted);
        let opened = paths.iter().map(|path| open(&intake, path, &mut go_on));
        let opened: Result<Vec<_>> = opened.collect();
        return Ok(opened?.into_iter().flatten().collect());
    }
    let failed = AtomicUsize::new(usize::MAX);
    let open_next = |(index, path): (usize, &PathBuf)| {
        let mut go_on = |_| {
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
    let opened: Vec<_> = pool(at_a_time)?.install(|| paths.map(open_next).collect());
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
