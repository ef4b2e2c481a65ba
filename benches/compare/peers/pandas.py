"""pandas as its user guide writes it: `read_csv`, `groupby.rolling`, `to_parquet`; one thread."""

import contextlib

from tasks import KEY, TIME


@contextlib.contextmanager
def session(job):
    import pandas

    yield pandas


def convert(pd, job):
    write(read(pd, job), job)


def features(pd, job):
    frame = read(pd, job)
    fits = {name: getattr(frame[name], how)() for name, how in job.shape.fits.items()}
    frame = frame.fillna(fits | job.shape.constants)
    groups = frame.groupby(KEY)
    # Rolled rows come group by group.
    rows = [row for group in groups.indices.values() for row in group]
    for name, (column, function, window) in zip(job.shape.window_names(), job.shape.windows):
        by_time = {"on": TIME} if isinstance(window, str) else {}
        rolled = getattr(groups.rolling(window, **by_time)[column], function)()
        frame[name] = pd.Series(rolled.to_numpy(), index=rows)
    write(frame, job)


def etl(pd, job):
    frame = read(pd, job)
    frame = frame[frame["amount"] > 10].drop_duplicates("transaction_id", keep="first")
    frame["total"] = frame["quantity"] * frame["amount"] * (1 - frame["discount"])
    frame["month"] = frame[TIME].dt.month
    frame["quarter"] = frame[TIME].dt.quarter
    frame["price_category"] = price_category(pd, frame["amount"])
    write(frame, job)
    summarise(frame, job)


def price_category(pd, amounts):
    labels = ["Low", "Medium", "High", "Premium"]
    return pd.cut(amounts, [0, 100, 500, 2000, float("inf")], labels=labels)


def summarise(frame, job):
    """The two tables. A group without a total has none, as in SQL, and not 0."""
    groups = frame.groupby("region", dropna=False)
    region = groups.agg(average=("total", "mean"), n=("total", "size"), customers=(KEY, "nunique"))
    region["revenue"] = groups["total"].sum(min_count=1)
    region.reset_index().to_parquet(job.summary("region"), index=False)
    by_category_and_month(frame).to_parquet(job.summary("category_by_month"), index=False)


def by_category_and_month(frame):
    totals = frame.groupby(["product_category", "month"], dropna=False)["total"]
    table = totals.sum(min_count=1).to_frame("revenue")
    table["p95"] = totals.quantile(0.95)
    return table.reset_index()


def read(pd, job):
    (path,) = job.inputs
    columns = job.shape.columns
    # Int64 is the integer type that can be missing; keys never are.
    types = {"int64": "Int64", "float64": "float64", "utf8": "str"}
    types = {name: types[kind] for name, kind in columns.items() if kind in types} | {KEY: "int64"}
    times = [name for name, kind in columns.items() if kind == "timestamp"]
    return pd.read_csv(
        path,
        dtype=types,
        parse_dates=times,
        date_format="%Y-%m-%d %H:%M:%S",
        keep_default_na=False,
        na_values=[""],
    )


def write(frame, job):
    file = f"{job.out}/all.parquet"
    frame.to_parquet(file, compression="zstd", compression_level=1, index=False)
