"""PyArrow: the streaming CSV reader into a Parquet writer. It has no windows, so no `features`."""

import contextlib
import queue
import threading

GROUP_ROWS = 1_000_000


@contextlib.contextmanager
def session(job):
    import pyarrow

    pyarrow.set_cpu_count(job.threads)
    yield pyarrow


def convert(pa, job):
    """One thread reads ahead of the one that writes; the reader parses on all of PyArrow's."""
    from pyarrow import csv, parquet

    (path,) = job.inputs
    file = f"{job.out}/all.parquet"
    with (
        csv.open_csv(path, **csv_options(job.shape)) as reader,
        parquet.ParquetWriter(
            file, reader.schema, compression="zstd", compression_level=1
        ) as writer,
    ):
        for group in ahead(row_groups(pa, reader)):
            writer.write_table(group)


def row_groups(pa, reader):
    batches, rows = [], 0
    for batch in reader:
        batches.append(batch)
        rows += len(batch)
        if rows >= GROUP_ROWS:
            yield pa.Table.from_batches(batches)
            batches, rows = [], 0
    yield pa.Table.from_batches(batches, reader.schema)


def ahead(items):
    """The same items, taken from their source by a thread of its own."""
    waiting = queue.Queue(maxsize=1)
    end = object()

    def take():
        try:
            for item in items:
                waiting.put(item)
        finally:
            waiting.put(end)

    threading.Thread(target=take, daemon=True).start()
    return iter(waiting.get, end)


def csv_options(shape):
    """Types given, empty cells null, line breaks in quotes allowed, blocks of 8 MiB."""
    import pyarrow as pa
    from pyarrow import csv

    types = {
        "int64": pa.int64(),
        "float64": pa.float64(),
        "timestamp": pa.timestamp("us"),
        "utf8": pa.string(),
    }
    return {
        "read_options": csv.ReadOptions(block_size=8 << 20),
        "parse_options": csv.ParseOptions(newlines_in_values=True),
        "convert_options": csv.ConvertOptions(
            column_types={name: types[kind] for name, kind in shape.columns.items()},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            timestamp_parsers=[csv.ISO8601],
        ),
    }
