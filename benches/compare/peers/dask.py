"""Dask on a LocalCluster: one partition per file; `features` shuffles rows to their keys and back.

It gets the rows as many files, because it would cut one file at line breaks that stand in quotes.
"""

import contextlib
import io

from peers import pandas_tuned as plain
from peers.pandas import by_category_and_month
from tasks import KEY

MANY_FILES = True
MANY_PROCESSES = True

# Rows are numbered without knowing how many there are: the file, then the row within it.
FILE_SHIFT = 32


@contextlib.contextmanager
def session(job):
    import dask
    import dask.dataframe
    import distributed

    dask.config.set({"temporary-directory": job.temp})
    with (
        distributed.LocalCluster(
            n_workers=job.threads,
            threads_per_worker=1,
            memory_limit=job.memory // job.threads,
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield dask.dataframe


def convert(dd, job):
    write(read(dd, job), job)


def features(dd, job):
    import dask

    frame = read(dd, job).persist()
    fits = {name: lazy_fit(frame[name], how) for name, how in job.shape.fits.items()}
    (fits,) = dask.compute(fits)
    values = {name: fitted(fits[name], how) for name, how in job.shape.fits.items()}
    values |= job.shape.constants
    meta = roll_block(frame._meta_nonempty, values, job.shape).iloc[:0]
    rolled = frame.shuffle(KEY).map_partitions(roll_block, values, job.shape, meta=meta)
    divisions = [index << FILE_SHIFT for index in range(len(job.inputs) + 1)]
    write(rolled.reset_index().set_index("row", divisions=divisions), job)


def etl(dd, job):
    """What needs all rows is done here, not by workers: to find ids that come again, and quantiles.
    Shuffles to do it there take longer, and their rows must come back into order."""
    import dask

    frame = read(dd, job).map_partitions(keep_dear).persist()
    ids = frame["transaction_id"].compute()
    repeated = ids.index[ids.duplicated()]
    frame = frame.map_partitions(finish_block, repeated, meta=finish_block(frame._meta, repeated))
    frame = frame.persist()
    write(frame, job)
    groups = frame.groupby("region", dropna=False)
    region = groups.agg({"total": ["sum", "mean"], "transaction_id": "count"})
    # Dask's own `nunique` leaves out the group of missing keys.
    customers = frame[["region", KEY]].drop_duplicates()
    totals = frame[["product_category", "month", "total"]]
    region, customers, totals = dask.compute(region, customers, totals)
    region.columns = ["revenue", "average", "n"]
    customers = customers.groupby("region", dropna=False).size().rename("customers")
    region = region.reset_index().merge(customers.reset_index(), on="region")
    region.to_parquet(job.summary("region"), index=False)
    by_category_and_month(totals).to_parquet(job.summary("category_by_month"), index=False)


def read(dd, job):
    header = ",".join(job.shape.columns).encode() + b"\n"
    meta = read_block(io.BytesIO(header), 0, job.shape)
    files = range(len(job.inputs))
    return dd.from_map(read_block, job.inputs, files, shape=job.shape, meta=meta)


def read_block(file, index, shape):
    import pandas as pd

    frame = plain.read_file(pd, file, shape)
    first = index << FILE_SHIFT
    return frame.set_index(pd.RangeIndex(first, first + len(frame), name="row"))


def keep_dear(frame):
    return frame[plain.numbers(frame["amount"]) > 10]


def finish_block(frame, repeated):
    import pandas as pd

    return plain.add(pd, frame[~frame.index.isin(repeated)])


def write(frame, job):
    frame.to_parquet(
        job.out,
        compression="zstd",
        compression_level=1,
        write_index=False,
        name_function=lambda index: f"part-{index:05}.parquet",
    )


def lazy_fit(column, how):
    """Dask has no exact median over partitions; the counts of a column's values hold it."""
    return column.mean() if how == "mean" else column.value_counts(sort=False, split_out=1)


def fitted(value, how):
    if how == "mean":
        return value
    counts = value.sort_index().cumsum()
    half = counts.iloc[-1] / 2
    low, high = counts.index[counts >= half][0], counts.index[counts > half][0]
    return (low + high) / 2


def roll_block(frame, values, shape):
    """All rows of some keys, which a shuffle leaves in any order."""
    frame = frame.sort_index()
    plain.fill(frame, values)
    plain.roll(frame, shape)
    return frame
