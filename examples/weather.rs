//! The options of `examples/weather.toml`, chosen by calls instead: what a program that uses
//! chunketl as a library writes. Prints the settled options.

use chunketl::config::{Builder, Mode};

fn main() -> chunketl::Result<()> {
    let config = Builder::new()
        .input("examples/weather.csv")
        .out("target/weather-lake")
        .mode(Mode::Overwrite)
        .key(["origin"])
        .time("time_hour")
        .dtype("origin", "categorical")
        .impute("temp", "linear")
        .impute("pressure", "median:key")
        .rolling("temp", "mean", "24")
        .rolling("wind_speed", "max", "6h")
        .rolling_named("precip", "sum", "1d", "rain_1d")
        .build()?;
    println!("{config:#?}");
    Ok(())
}
