"""DuckDB: `read_csv` with the columns given; windows over a table, put beside its rows."""

import contextlib

from peers import sql

TYPES = {"int64": "BIGINT", "float64": "DOUBLE", "timestamp": "TIMESTAMP", "utf8": "VARCHAR"}


@contextlib.contextmanager
def session(job):
    import duckdb

    settings = {
        "threads": job.threads,
        "memory_limit": f"{job.memory // 1_000_000}MB",
        "temp_directory": job.temp,
        "preserve_insertion_order": True,
    }
    with duckdb.connect(config=settings) as connection:
        connection.execute("SET enable_progress_bar = false")
        yield connection


def convert(connection, job):
    copy(connection, f"FROM {source(job)}", job)


def features(connection, job):
    connection.execute(f"CREATE TABLE source AS FROM {source(job)}")
    values = connection.execute(f"SELECT {sql.fits(job.shape)} FROM source").fetchone()
    values = dict(zip(job.shape.fits, values))
    filled = sql.filled(job.shape, values)
    # Only the windows are sorted back into file order; the rows they belong to stay where they are.
    query = f"""
        SELECT {filled}, {", ".join(job.shape.window_names())}
        FROM source POSITIONAL JOIN (
            SELECT row_in_file, {sql.windows(job.shape)}
            FROM (SELECT {filled}, rowid AS row_in_file FROM source)
            ORDER BY row_in_file
        )
    """
    copy(connection, query, job)


def etl(connection, job):
    """Deleting rows from a table leaves the others in their order; a window would sort them all.
    The tables read the new columns from the Parquet file."""
    connection.execute(f"CREATE TABLE source AS FROM {source(job)} WHERE amount > 10")
    connection.execute("""
        DELETE FROM source USING (
            SELECT transaction_id AS id, min(rowid) AS first
            FROM source GROUP BY transaction_id HAVING count(*) > 1
        ) WHERE transaction_id = id AND source.rowid > first
    """)
    copy(connection, f"SELECT {sql.derived(job.shape)} FROM source", job)
    rows = f"read_parquet('{job.out}/all.parquet')"
    for name, query in sql.summaries(rows, "quantile_cont(total, 0.95)").items():
        connection.execute(f"COPY ({query}) TO '{job.summary(name)}' (FORMAT parquet)")


def source(job):
    columns = ", ".join(f"'{name}': '{TYPES[kind]}'" for name, kind in job.shape.columns.items())
    return (
        f"read_csv({job.inputs}, columns = {{{columns}}}, auto_detect = false, header = true, "
        """delim = ',', quote = '"', escape = '"')"""
    )


def copy(connection, query, job):
    connection.execute(
        f"COPY ({query}) TO '{job.out}/all.parquet' "
        "(FORMAT parquet, PARQUET_VERSION V2, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    )
