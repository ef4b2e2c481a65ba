"""Compares two answers value by value, in file order and bounded memory:
`check.py WANTED GOT JOB.json`.

Null equals null alone, floats may differ by 1e-9 (relatively, or absolutely below one), all else
must be equal; so too in the tables of `etl`, group by group. Prints one line of JSON: the rows, how
many of them (and of the groups) differ, the first that does, and how many are `tied`: right, but
for a sum over time that also holds a later row of the same customer and time. That is how SQL's
RANGE and Polars' `rolling_sum_by` define it; in pandas and chunketl a row sees no later ones.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks import ADDED, KEY, SUMMARIES, TIME, Job, summary_file

TYPES = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "timestamp": pa.timestamp("us"),
    "utf8": pa.large_string(),
}
TOLERANCE = 1e-9
BATCH_ROWS = 1 << 16


def main(wanted, got, job_file):
    job = Job(**json.loads(Path(job_file).read_text()))
    print(json.dumps(check(wanted, got, job.shape, job.task)))


def check(wanted, got, shape, task):
    told = check_rows(wanted, got, shape, task)
    for name, (keys, measures) in SUMMARIES.items() if task == "etl" else ():
        left, right = (
            groups(summary_file(answer, name), keys, measures) for answer in (wanted, got)
        )
        differs, first = check_groups(left, right)
        told["differs"] += differs
        told["first"] = told["first"] or (first and f"{name}, {first}")
    return told


def check_rows(wanted, got, shape, task):
    columns = {name: TYPES[kind] for name, kind in shape.columns.items()}
    if task == "etl":
        columns |= {name: TYPES[kind] for name, kind in ADDED.items()}
    over_time = set()
    if task == "features":
        columns |= dict.fromkeys(shape.window_names(), pa.float64())
        named = zip(shape.window_names(), shape.windows)
        over_time = {name for name, (_, _, window) in named if isinstance(window, str)}
    rows = count_rows(wanted)
    if count_rows(got) != rows:
        return {"rows": rows, "differs": rows, "tied": 0, "first": f"{count_rows(got)} rows"}
    differs, first, doubtful, at = 0, None, [], 0
    for left, right in side_by_side(batches(wanted, columns), batches(got, columns)):
        wrong, maybe_tied = np.zeros(len(left), bool), np.zeros(len(left), bool)
        for name, kind in columns.items():
            unequal = differing(left[name].cast(kind), right[name].cast(kind))
            (maybe_tied if name in over_time else wrong)[unequal] = True
            if first is None and unequal.any() and name not in over_time:
                first = describe(left, right, name, np.argmax(unequal), at)
        differs += int(wrong.sum())
        doubtful += identities(left, np.flatnonzero(maybe_tied & ~wrong), at)
        at += len(left)
    tied = count_tied(doubtful, batches(wanted, (KEY, TIME)))
    if first is None and tied < len(doubtful):
        first = f"{', '.join(over_time)}: not only in tied rows"
    return {"rows": rows, "differs": differs + len(doubtful) - tied, "tied": tied, "first": first}


def groups(file, keys, measures):
    """A table of `etl`, sorted by its keys."""
    schema = pa.schema([(name, TYPES[kind]) for name, kind in (keys | measures).items()])
    table = pq.read_table(file, columns=schema.names).cast(schema)
    return table.sort_by([(name, "ascending") for name in keys]).combine_chunks()


def check_groups(left, right):
    """How many groups differ, and the first that does."""
    if len(left) != len(right):
        return max(len(left), len(right)), f"wanted {len(left)} groups, got {len(right)}"
    wrong, first = np.zeros(len(left), bool), None
    for name in left.column_names:
        unequal = differing(*(side[name].combine_chunks() for side in (left, right)))
        if first is None and unequal.any():
            first = describe(left, right, name, np.argmax(unequal), 0)
        wrong |= unequal
    return int(wrong.sum()), first


def files(directory):
    return sorted(Path(directory).glob("*.parquet"))


def count_rows(directory):
    return sum(pq.read_metadata(path).num_rows for path in files(directory))


def batches(directory, columns):
    for path in files(directory):
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=list(columns))


def side_by_side(left_batches, right_batches):
    """The same rows of two streams of equally many rows."""
    right, at = None, 0
    for left in left_batches:
        while len(left):
            if right is None or at == len(right):
                right, at = next(right_batches), 0
            rows = min(len(left), len(right) - at)
            yield left.slice(0, rows), right.slice(at, rows)
            left, at = left.slice(rows), at + rows


def differing(left, right):
    """Which values of two arrays of the same type differ."""
    if left.equals(right):
        return np.zeros(len(left), bool)
    left_null, right_null = (
        side.is_null().to_numpy(zero_copy_only=False) for side in (left, right)
    )
    if pa.types.is_floating(left.type):
        a, b = (side.to_numpy(zero_copy_only=False) for side in (left, right))
        scale = np.maximum(1, np.maximum(np.abs(a), np.abs(b)))
        unequal = ~(np.abs(a - b) <= TOLERANCE * scale)
    else:
        unequal = pc.not_equal(left, right).fill_null(False).to_numpy(zero_copy_only=False)
    return np.where(left_null | right_null, left_null != right_null, unequal)


def describe(left, right, name, row, at):
    return f"row {at + row}, {name}: wanted {left[name][row]}, got {right[name][row]}"


def identities(batch, rows, at):
    """(customer, time, row) of some rows."""
    if not len(rows):
        return []
    keys, times = (batch[name].take(pa.array(rows)).to_pylist() for name in (KEY, TIME))
    return list(zip(keys, times, (rows + at).tolist()))


def count_tied(doubtful, all_batches):
    """How many of the doubtful rows come before another row of their customer and time."""
    if not doubtful:
        return 0
    times = pa.array({time for _, time, _ in doubtful}, pa.timestamp("us"))
    last, at = {}, 0
    for batch in all_batches:
        seen = pc.is_in(batch[TIME].cast(times.type), times).to_numpy(zero_copy_only=False)
        last |= {(key, time): row for key, time, row in identities(batch, np.flatnonzero(seen), at)}
        at += len(batch)
    return sum(row < last[key, time] for key, time, row in doubtful)


if __name__ == "__main__":
    main(*sys.argv[1:])
