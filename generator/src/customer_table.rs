//! A job in, the table of its customers out, for joins: one row for each id that its rows may name,
//! ascending. Invariant: a customer's row depends on the seed and the id only.

use std::io::{BufWriter, Write};

use crate::Error;
use crate::customers::CustomerIds;
use crate::job::Job;
use crate::random::{Rng, scale_skewed};
use crate::write::Sink;

const SEGMENTS: [&str; 4] = ["Consumer", "Business", "Student", "Public"];

const COUNTRIES: [&str; 10] = ["DE", "FR", "US", "GB", "PL", "IT", "ES", "NL", "SE", "PT"];

/// The years in which customers came.
const YEARS: [u32; 8] = [2023, 2022, 2021, 2020, 2019, 2018, 2017, 2016];

/// Writes a header and the rows to `sink`.
///
/// # Errors
/// Whatever writing runs into.
pub(crate) fn write(job: &Job, sink: Sink) -> Result<(), Error> {
    let Sink { name, writer } = sink;
    write_rows(job, BufWriter::new(writer)).map_err(|source| Error::io("write", name, source))
}

fn write_rows(job: &Job, mut out: impl Write) -> std::io::Result<()> {
    let line_end = job.line_ending.text();
    if job.header {
        write!(out, "customer_id,segment,country,since{line_end}")?;
    }
    for id in CustomerIds::new(job.customers).all() {
        let mut rng = Rng::for_row(job.seed, id);
        let segment = pick(&SEGMENTS, &mut rng);
        let country = pick(&COUNTRIES, &mut rng);
        let year = pick(&YEARS, &mut rng);
        let (month, day) = (1 + rng.below(12), 1 + rng.below(28));
        write!(
            out,
            "{id},{segment},{country},{year}-{month:02}-{day:02}{line_end}"
        )?;
    }
    out.flush()
}

/// One of `words`, the first most often.
fn pick<T: Copy>(words: &[T], rng: &mut Rng) -> T {
    words[scale_skewed(rng.dice(), words.len() as u32) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::Customers;
    use crate::job::Extent;
    use crate::shape::Shape;

    #[test]
    fn every_customer_has_one_row() {
        let job = Job {
            customers: Customers {
                count: 3,
                zipf: 1.0,
                hot_share: 0.5,
            },
            ..Job::new(Shape::Hot, Extent::Rows(1))
        };
        let mut out = Vec::new();
        write_rows(&job, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let ids: Vec<&str> = text.lines().map(|line| &line[..6]).collect();
        assert_eq!(ids, ["custom", "100000", "100001", "100002", "100003"]);
        assert!(text.lines().all(|line| line.split(',').count() == 4));
    }
}
