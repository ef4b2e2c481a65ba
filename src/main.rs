//! Arguments in, exit code out: parses, runs, sniffs or plans, prints what comes out, nothing else.

#[cfg(target_os = "linux")]
mod allocator;

use std::io::{ErrorKind as IoErrorKind, Write, stdout};
use std::process::ExitCode;
use std::sync::Arc;

use chunketl::config::{self, Args, Command, Config};
use chunketl::report::{SniffReceipt, wants_color};
use chunketl::{Error, Pipeline, Result};
use clap::Parser;

fn main() -> ExitCode {
    match perform(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is gone.
            let _ = writeln!(std::io::stderr(), "chunketl: error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn perform(args: Args) -> Result<()> {
    match args.command {
        Some(Command::Completions { shell }) => return print(&config::completions(shell)),
        Some(Command::Sniff(args)) => return sniff(config::from_sniff_args(args)?),
        Some(Command::Plan(options)) => return plan(config::from_plan_options(*options)?),
        Some(Command::Schema) => return print(format!("{:#}\n", config::schema()).as_bytes()),
        None => {}
    }
    let config = config::from_args(args)?;
    let (json, quiet) = (config.json, config.quiet);
    #[cfg(target_os = "linux")]
    match config.memory_limit {
        Some(_) => allocator::take_small_pages(),
        None => allocator::keep_freed_pages_longer(),
    }
    let pipeline = Pipeline::new(config);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, pipeline.interrupt_flag())
            .map_err(|error| Error::io("watch for", "signals", error))?;
    }
    // Whatever the flag says: watched, a write past the file size limit fails instead of killing.
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default())
        .map_err(|error| Error::io("watch for", "signals", error))?;
    let receipt = pipeline.run()?;
    match (json, quiet) {
        (true, _) => print(receipt.to_json_pretty().as_bytes()),
        (false, true) => Ok(()),
        (false, false) => print(receipt.render(wants_color(&stdout())).as_bytes()),
    }
}

/// Prints what a run of `config` would do.
fn plan(config: Config) -> Result<()> {
    let json = config.json;
    let plan = Pipeline::new(config).plan()?;
    match json {
        true => print(plan.to_json_pretty().as_bytes()),
        false => print(plan.render(wants_color(&stdout())).as_bytes()),
    }
}

/// Prints what the files of `config` hold.
fn sniff(config: Config) -> Result<()> {
    let json = config.json;
    let sniffed = Pipeline::new(config).sniff()?;
    if json {
        return print(SniffReceipt::to_json_pretty(&sniffed).as_bytes());
    }
    let color = wants_color(&stdout());
    let pages: Vec<String> = sniffed.iter().map(|file| file.render(color)).collect();
    print(pages.join("\n").as_bytes())
}

/// Writes to standard output; a reader that has left is no error.
fn print(bytes: &[u8]) -> Result<()> {
    let mut out = stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != IoErrorKind::BrokenPipe => {
            Err(Error::io("write", "standard output", error))
        }
        _ => Ok(()),
    }
}
