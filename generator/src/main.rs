//! Arguments in, exit code out: 0 done, 1 failed, 2 wrong usage. A broken pipe is quiet.

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;
use generator::Args;

fn main() -> ExitCode {
    match Args::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // Unlike `eprintln!` no panic where standard error is closed.
            let _ = writeln!(stderr(), "gen: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
