//! Shared counts of the running pass -> a bar on a terminal, a line now and then elsewhere.
//!
//! Comes in: [`ProgressState`], which workers add to, and the caller's [`Progress::tick`]. Goes
//! out: stderr only. Invariants: rates are those of the last seconds, so a stall shows; a stderr
//! that is gone never ends a run.

use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{printable, rss_bytes, units};
use crate::base::Progress as When;

/// How far the running pass is. Counts only inform, so every access is relaxed.
#[derive(Debug, Default)]
pub struct ProgressState {
    /// Bytes of input that one pass reads.
    pub bytes_total: AtomicU64,
    /// Bytes of input that the running pass is done with.
    pub bytes_done: AtomicU64,
    /// Rows that the running pass is done with.
    pub rows: AtomicU64,
    /// Number of the running pass, from 1; 0 while inputs are unpacked.
    pub pass: AtomicU32,
    /// Passes in all, as far as known.
    pub passes: AtomicU32,
}

impl ProgressState {
    /// Starts pass `pass` of `passes`, which reads `bytes_total` bytes.
    pub fn begin_pass(&self, pass: u32, passes: u32, bytes_total: u64) {
        self.bytes_done.store(0, Ordering::Relaxed);
        self.rows.store(0, Ordering::Relaxed);
        self.bytes_total.store(bytes_total, Ordering::Relaxed);
        self.passes.store(passes, Ordering::Relaxed);
        self.pass.store(pass, Ordering::Relaxed);
    }

    /// Adds what the pass has got done.
    pub fn add(&self, bytes: u64, rows: u64) {
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }
}

/// Whether `stream` should get colours: a terminal, and `NO_COLOR` not set.
pub fn wants_color(stream: &impl IsTerminal) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !no_color
}

/// Shows progress on stderr.
pub struct Progress {
    face: Face,
    meter: Meter,
    quiet: bool,
}

enum Face {
    Hidden,
    Bar(ProgressBar),
    Lines {
        out: Box<dyn Write + Send>,
        written: Instant,
    },
}

impl Progress {
    /// Time between two lines where there is no terminal.
    const LINE_INTERVAL: Duration = Duration::from_secs(3);
    const DRAWS_PER_SECOND: u8 = 10;

    /// Progress in this mode; `quiet` silences [`When::Auto`] and notes.
    pub fn new(mode: When, quiet: bool) -> Self {
        let shown = match mode {
            When::Auto => !quiet,
            When::Always => true,
            When::Never => false,
        };
        let now = Instant::now();
        let face = if !shown {
            Face::Hidden
        } else if stderr().is_terminal() {
            let target = ProgressDrawTarget::stderr_with_hz(Self::DRAWS_PER_SECOND);
            let style = ProgressStyle::with_template("{bar:24} {msg}").expect("a valid template");
            Face::Bar(ProgressBar::with_draw_target(Some(0), target).with_style(style))
        } else {
            let out = Box::new(stderr());
            Face::Lines { out, written: now }
        };
        Self {
            face,
            meter: Meter::new(now),
            quiet,
        }
    }

    /// Shows where `state` is now. Call it a few times a second, from one thread.
    pub fn tick(&mut self, state: &ProgressState) {
        self.tick_at(state, Instant::now());
    }

    fn tick_at(&mut self, state: &ProgressState, now: Instant) {
        match &mut self.face {
            Face::Hidden => {}
            Face::Bar(bar) => {
                bar.set_length(state.bytes_total.load(Ordering::Relaxed));
                bar.set_position(state.bytes_done.load(Ordering::Relaxed));
                bar.set_message(self.meter.text(state, now, rss_bytes()));
            }
            Face::Lines { out, written } => {
                let text = self.meter.text(state, now, rss_bytes());
                if now.duration_since(*written) >= Self::LINE_INTERVAL {
                    *written = now;
                    let _ = writeln!(out, "{text}");
                }
            }
        }
    }

    /// Prints one line on stderr, above the bar if there is one; nothing when quiet.
    pub fn note(&mut self, text: &str) {
        if self.quiet {
            return;
        }
        let text = printable(text);
        match &mut self.face {
            Face::Hidden => drop(writeln!(stderr(), "{text}")),
            Face::Bar(bar) => bar.println(text),
            Face::Lines { out, .. } => drop(writeln!(out, "{text}")),
        }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Face::Bar(bar) = &self.face {
            bar.finish_and_clear();
        }
    }
}

/// Works out rates and what is left.
struct Meter {
    pass: u32,
    /// Two marks, a span apart; rates are taken since the older one.
    older: Mark,
    newer: Mark,
}

#[derive(Clone, Copy)]
struct Mark {
    at: Instant,
    bytes: u64,
    rows: u64,
}

impl Meter {
    const SPAN: Duration = Duration::from_secs(4);

    fn new(now: Instant) -> Self {
        let mark = Mark {
            at: now,
            bytes: 0,
            rows: 0,
        };
        Self {
            pass: 0,
            older: mark,
            newer: mark,
        }
    }

    fn text(&mut self, state: &ProgressState, now: Instant, rss_bytes: Option<u64>) -> String {
        let total = state.bytes_total.load(Ordering::Relaxed);
        let passes = state.passes.load(Ordering::Relaxed);
        let pass = state.pass.load(Ordering::Relaxed);
        let mark = Mark {
            at: now,
            bytes: state.bytes_done.load(Ordering::Relaxed),
            rows: state.rows.load(Ordering::Relaxed),
        };
        if pass != self.pass || mark.bytes < self.newer.bytes {
            *self = Self {
                pass,
                ..Self::new(now)
            };
        } else if now.duration_since(self.newer.at) >= Self::SPAN {
            self.older = self.newer;
            self.newer = mark;
        }
        let seconds = now.duration_since(self.older.at).as_secs_f64();
        let per_second = |then: u64, now: u64| {
            if seconds > 0.0 {
                now.saturating_sub(then) as f64 / seconds
            } else {
                0.0
            }
        };
        let byte_rate = per_second(self.older.bytes, mark.bytes);

        if pass == 0 {
            let read = format!("unpacking · {} read", units::bytes(mark.bytes));
            return format!("{read} · {}", units::byte_rate(byte_rate));
        }
        let mut parts = Vec::new();
        if passes > 1 {
            parts.push(format!("pass {pass} of {passes}"));
        }
        let percent = mark.bytes.min(total) as f64 * 100.0 / total.max(1) as f64;
        parts.push(format!("{percent:.0} %"));
        let (done, of) = (units::bytes(mark.bytes), units::bytes(total));
        parts.push(format!("{done} of {of}"));
        parts.push(units::byte_rate(byte_rate));
        let rows = units::short(per_second(self.older.rows, mark.rows));
        parts.push(format!("{rows} rows/s"));
        if byte_rate > 0.0 {
            let later = u64::from(passes.saturating_sub(pass)) as f64 * total as f64;
            let left = total.saturating_sub(mark.bytes) as f64 + later;
            parts.push(format!("{} left", units::clock(left / byte_rate)));
        }
        if let Some(rss_bytes) = rss_bytes {
            parts.push(format!("{} memory", units::bytes(rss_bytes)));
        }
        parts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn lines(out: Box<dyn Write + Send>, now: Instant) -> Progress {
        Progress {
            face: Face::Lines { out, written: now },
            meter: Meter::new(now),
            quiet: false,
        }
    }

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A stderr that is gone.
    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn the_text_tells_rates_and_what_is_left() {
        let start = Instant::now();
        let second = |seconds| start + Duration::from_secs(seconds);
        let state = ProgressState::default();
        state.begin_pass(1, 2, 1_000_000_000);
        let mut meter = Meter::new(start);
        let text = meter.text(&state, start, None);
        assert_eq!(
            text,
            "pass 1 of 2 · 0 % · 0 B of 954 MiB · 0 B/s · 0 rows/s"
        );
        state.add(100_000_000, 1_000_000);
        let text = meter.text(&state, second(2), Some(64 << 20));
        let expected = "pass 1 of 2 · 10 % · 95.4 MiB of 954 MiB · 50.0 MB/s · 500 k rows/s \
                        · 0:38 left · 64.0 MiB memory";
        assert_eq!(text, expected);

        // A stall shows once the span is over, and the estimate does not stay hopeful.
        for at in 3..20 {
            meter.text(&state, second(at), None);
        }
        let text = meter.text(&state, second(20), None);
        assert!(
            text.contains("· 0 B/s · 0 rows/s") && !text.contains("left"),
            "{text}"
        );

        // A new pass starts from nothing.
        state.begin_pass(2, 2, 1_000_000_000);
        meter.text(&state, second(21), None);
        state.add(500_000_000, 10);
        let text = meter.text(&state, second(22), None);
        let expected = "pass 2 of 2 · 50 % · 477 MiB of 954 MiB · 500 MB/s · 10 rows/s · 0:01 left";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_empty_input_is_no_division_by_zero() {
        let start = Instant::now();
        let state = ProgressState::default();
        state.begin_pass(1, 1, 0);
        let text = Meter::new(start).text(&state, start, None);
        assert_eq!(text, "0 % · 0 B of 0 B · 0 B/s · 0 rows/s");
    }

    #[test]
    fn lines_come_every_few_seconds() {
        let start = Instant::now();
        let shared = Shared::default();
        let mut progress = lines(Box::new(shared.clone()), start);
        let state = ProgressState::default();
        state.begin_pass(1, 1, 100);
        for tenth in 0..100 {
            progress.tick_at(&state, start + Duration::from_millis(100) * tenth);
        }
        progress.note("restart: x\x1b[2J");
        progress.finish();
        let written = shared.0.lock().expect("no panic");
        let written = String::from_utf8_lossy(&written);
        assert_eq!(written.lines().count(), 4, "{written}");
        assert!(written.ends_with("restart: x\\u{1b}[2J\n"), "{written}");
    }

    #[test]
    fn a_broken_stderr_is_ignored() {
        let start = Instant::now();
        let mut progress = lines(Box::new(Broken), start);
        progress.tick_at(&ProgressState::default(), start + Progress::LINE_INTERVAL);
        progress.note("x");
        progress.finish();
    }

    #[test]
    fn modes_and_quiet() {
        let hidden = |mode, quiet| matches!(Progress::new(mode, quiet).face, Face::Hidden);
        assert!(hidden(When::Never, false));
        assert!(hidden(When::Auto, true));
        assert!(!hidden(When::Auto, false));
        assert!(!hidden(When::Always, true));
    }
}
