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
