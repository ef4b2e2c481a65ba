"""Polars: a lazy scan with the schema given, the streaming engine, an ordered sink."""

import contextlib
import os

from tasks import KEY, TIME


@contextlib.contextmanager
def session(job):
    os.environ["POLARS_MAX_THREADS"] = str(job.threads)  # read once, at import
    import polars

    yield polars


def convert(pl, job):
    sink(scan(pl, job), job)


def features(pl, job):
    fits = [
        pl.col(name).fill_null(getattr(pl.col(name), how)()) for name, how in job.shape.fits.items()
    ]
    constants = [pl.col(name).fill_null(text) for name, text in job.shape.constants.items()]
    names = job.shape.window_names()
    windows = [roll(pl, *window).alias(name) for name, window in zip(names, job.shape.windows)]
    sink(scan(pl, job).with_columns(fits + constants).with_columns(windows), job)


def etl(pl, job):
    """Reading the rows again from what was written is as fast as one plan for all, which holds them
    in memory."""
    total = pl.col("quantity") * pl.col("amount") * (1 - pl.col("discount"))
    time = pl.col(TIME).dt
    labels = ["Low", "Medium", "High", "Premium"]
    category = pl.col("amount").cut([100, 500, 2000], labels=labels)
    rows = (
        scan(pl, job)
        .filter(pl.col("amount") > 10)
        .unique("transaction_id", keep="first", maintain_order=True)
        .with_columns(
            total.alias("total"),
            time.month().alias("month"),
            time.quarter().alias("quarter"),
            category.alias("price_category"),
        )
    )
    sink(rows, job)
    rows, total = pl.scan_parquet(f"{job.out}/all.parquet"), pl.col("total")
    region = rows.group_by("region").agg(
        total.sum().alias("revenue"),
        total.mean().alias("average"),
        pl.len().alias("n"),
        pl.col(KEY).n_unique().alias("customers"),
    )
    category_by_month = rows.group_by("product_category", "month").agg(
        total.sum().alias("revenue"), total.quantile(0.95, "linear").alias("p95")
    )
    region, category_by_month = pl.collect_all([region, category_by_month], engine="streaming")
    region.write_parquet(job.summary("region"))
    category_by_month.write_parquet(job.summary("category_by_month"))


def scan(pl, job):
    types = {
        "int64": pl.Int64,
        "float64": pl.Float64,
        "timestamp": pl.Datetime("us"),
        "utf8": pl.String,
    }
    schema = {name: types[kind] for name, kind in job.shape.columns.items()}
    return pl.scan_csv(job.inputs, schema=schema)


def sink(frame, job):
    frame.sink_parquet(
        f"{job.out}/all.parquet",
        compression="zstd",
        compression_level=1,
        maintain_order=True,
        engine="streaming",
    )


def roll(pl, name, function, window):
    """A window of time holds later rows of the same time too."""
    if isinstance(window, str):
        rolled = getattr(pl.col(name), f"rolling_{function}_by")(TIME, window)
    else:
        rolled = getattr(pl.col(name), f"rolling_{function}")(window)
    return rolled.over(KEY)
