//! Seeded tables with a known count of every fault, as files to run on.

use std::fs::File;
use std::path::Path;

use generator::{Extent, Job, Shape, Sink};
use serde_json::Value;

/// A job of `rows` rows with the usual faults.
pub(crate) fn job(shape: Shape, rows: u64) -> Job {
    Job {
        threads: 2,
        ..Job::new(shape, Extent::Rows(rows))
    }
}

/// Writes the files of `job` as `in-0.csv`, `in-1.csv`, … to `directory`; returns what is in them.
pub(crate) fn write(job: &Job, directory: &Path) -> Value {
    let mut open = |index: u64| {
        let path = directory.join(format!("in-{index}.csv"));
        let file = File::create(&path).expect("a file in the temporary directory");
        Ok(Sink {
            name: path.display().to_string(),
            writer: Box::new(file),
        })
    };
    let truth = job.run(&mut open, &mut |_, _, _| ()).expect("a valid job");
    serde_json::to_value(&truth).expect("counts are JSON")
}
