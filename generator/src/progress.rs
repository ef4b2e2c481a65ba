//! Rows and bytes so far in, a bar on a terminal or a line now and then out, on standard error.
//! Invariant: asked to be quiet, it prints nothing.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Tells a waiting user how far a run is.
pub(crate) struct Progress {
    quiet: bool,
    bar: Option<ProgressBar>,
    begin: Instant,
    last_line: Instant,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let begin = Instant::now();
        let bar = (!quiet && stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{wide_bar} {percent:>3}% {msg}  {eta} left");
            ProgressBar::new(0).with_style(style.expect("the template is well formed"))
        });
        Self {
            quiet,
            bar,
            begin,
            last_line: begin,
        }
    }

    /// Shows `rows` of `rows_total`, and `bytes`, if it is time to.
    pub(crate) fn update(&mut self, rows: u64, rows_total: u64, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(rows_total);
            bar.set_position(rows);
            // The text costs an allocation; the bar draws a few times a second at most.
            if self.last_line.elapsed() > LINE_INTERVAL / 50 {
                self.last_line = Instant::now();
                bar.set_message(self.rate(bytes));
            }
        } else if !self.quiet && self.last_line.elapsed() > LINE_INTERVAL {
            self.last_line = Instant::now();
            let (rows, rows_total) = (HumanCount(rows), HumanCount(rows_total));
            print_line(&format!(
                "{rows} of {rows_total} rows, {}",
                self.rate(bytes)
            ));
        }
    }

    /// Ends the display with a line about the whole run.
    pub(crate) fn finish(self, rows: u64, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if !self.quiet {
            let seconds = self.begin.elapsed().as_secs_f64();
            let (rows, rate) = (HumanCount(rows), self.rate(bytes));
            print_line(&format!("wrote {rows} rows, {rate}, in {seconds:.1} s"));
        }
    }

    fn rate(&self, bytes: u64) -> String {
        let rate = bytes as f64 / self.begin.elapsed().as_secs_f64().max(1e-9);
        format!("{} at {}/s", HumanBytes(bytes), HumanBytes(rate as u64))
    }
}

/// Unlike `eprintln!` no panic where standard error is closed: nobody is there to be told.
fn print_line(text: &str) {
    let _ = writeln!(stderr(), "gen: {text}");
}
