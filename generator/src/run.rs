//! Arguments in, files on disk out: the job, its progress and its truth brought together.
//! Invariant: a truth file is complete or, after a failure, empty.

use std::fs::File;
use std::io::Write;

use crate::progress::Progress;
use crate::target::Target;
use crate::{Args, Error, customer_table};

impl Args {
    /// Does what they ask for.
    ///
    /// # Errors
    /// Usage errors, and whatever creating and writing the files runs into.
    pub fn run(&self) -> Result<(), Error> {
        let job = self.job();
        let target = Target::new(&self.out, job.files)?;
        let mut paths = vec![&self.out];
        for (option, path) in [
            ("--truth", &self.truth),
            ("--customer-table", &self.customer_table),
        ] {
            let Some(path) = path else { continue };
            if paths.contains(&path) {
                let message = format!("{option} needs a file of its own");
                return Err(Error::Usage(message));
            }
            paths.push(path);
        }
        // Created first: a path that cannot be written is found out before the work, and the truth
        // of an earlier run does not stand beside the files of this one.
        let truth_file = self.truth.as_ref().map(|path| {
            let created = File::create(path);
            created.map_err(|source| Error::io("create", path.display(), source))
        });
        let truth_file = truth_file.transpose()?;

        if let Some(path) = &self.customer_table {
            job.check()?;
            customer_table::write(&job, Target::File(path.clone()).open(0)?)?;
        }
        let mut progress = Progress::new(self.quiet);
        let truth = job.run(
            &mut |index| target.open(index),
            &mut |rows, total, bytes| {
                progress.update(rows, total, bytes);
            },
        )?;
        if let (Some(mut file), Some(path)) = (truth_file, &self.truth) {
            let mut json = serde_json::to_vec_pretty(&truth).expect("counts and names are JSON");
            json.push(b'\n');
            let written = file.write_all(&json);
            written.map_err(|source| Error::io("write", path.display(), source))?;
        }
        progress.finish(truth.rows, truth.bytes);
        Ok(())
    }
}
