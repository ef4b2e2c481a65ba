//! The inputs as they are named -> their paths -> open sources, as many at a time as there are
//! threads.
//!
//! Invariants: sources come in the order of their paths; of several that cannot be opened the first
//! one's error is the run's, whichever was found out first.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::base::{Error, ErrorKind, Result};
use crate::config::Config;
use crate::input::{self, Intake, Source};

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
) -> Result<Vec<Arc<Source>>> {
    let at_a_time = config.threads.min(paths.len()).max(1);
    let temp_dir = config.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
    let intake = Intake::new(&temp_dir)
        .temp_bytes_max(config.temp_bytes_max)
        .unpack_bytes_max((limit_bytes / 2 / at_a_time).max(UNPACK_BYTES_MIN))
        .encoding(config.encoding)
        .invalid_bytes(config.invalid_bytes);
    if at_a_time == 1 {
        let mut go_on = |_| check(interrupted);
        let open = |path: &PathBuf| intake.open(path, &mut go_on).map(Arc::new);
        return paths.iter().map(open).collect();
    }
    let failed = AtomicUsize::new(usize::MAX);
    let open = |(index, path): (usize, &PathBuf)| {
        let mut go_on = |_| {
            // Whatever becomes of this source, an earlier one's error stands before it.
            if failed.load(Ordering::Relaxed) < index {
                return Err(ErrorKind::Interrupted.into());
            }
            check(interrupted)
        };
        let source = go_on(0).and_then(|()| intake.open(path, &mut go_on));
        if source.is_err() {
            failed.fetch_min(index, Ordering::Relaxed);
        }
        source.map(Arc::new)
    };
    let paths = paths.par_iter().enumerate();
    let sources: Vec<_> = pool(at_a_time)?.install(|| paths.map(open).collect());
    sources.into_iter().collect()
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
