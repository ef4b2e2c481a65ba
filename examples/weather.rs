//! The pipeline of `examples/weather.toml`, from Rust.
//!
//! ```sh
//! cargo run --release --example weather
//! ```

use chunketl::config::Mode;
use chunketl::{Builder, Pipeline, Result};

fn main() -> Result<()> {
    let config = Builder::new()
        .input("examples/weather.csv")
        .out("target/weather-lake")
        .mode(Mode::Overwrite)
        .dtype("origin", "categorical")
        .key(["origin"])
        .time("time_hour")
        .impute("temp", "linear")
        .impute("wind_dir", "ffill")
        .impute("wind_speed", "median:key")
        .rolling("temp", "mean", "24h")
        .rolling("wind_speed", "max", "6")
        .build()?;
    let receipt = Pipeline::new(config).run()?;
    print!("{}", receipt.render(false));
    Ok(())
}
