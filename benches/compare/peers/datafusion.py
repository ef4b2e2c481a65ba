"""DataFusion: SQL over an external table, read by one thread so that rows keep their order."""

import contextlib

from peers import sql

TYPES = {"int64": "BIGINT", "float64": "DOUBLE", "timestamp": "TIMESTAMP(6)", "utf8": "VARCHAR"}


@contextlib.contextmanager
def session(job):
    import datafusion

    config = (
        datafusion.SessionConfig()
        .with_target_partitions(job.threads)
        .with_repartition_file_scans(False)  # parts of a file come out in any order
        .with_batch_size(32768)  # a quarter less time for windows than the default of 8192
        # Views of strings keep whole batches alive, and a sort counts them over and over.
        .set("datafusion.sql_parser.map_string_types_to_utf8view", "false")
    )
    runtime = (
        datafusion.RuntimeEnvBuilder()
        .with_fair_spill_pool(job.memory)
        .with_disk_manager_specified(job.temp)
    )
    yield datafusion.SessionContext(config, runtime)


def convert(context, job):
    register(context, job)
    copy(context, "SELECT * FROM source", job)


def features(context, job):
    register(context, job)
    values = context.sql(f"SELECT {sql.fits(job.shape)} FROM source").to_pylist()[0]
    query = f"""
        SELECT {sql.outputs(job.shape)} FROM (
            SELECT *, {sql.windows(job.shape)} FROM (
                SELECT {sql.filled(job.shape, values)}, row_number() OVER () AS row_in_file
                FROM source
            )
        )
        ORDER BY row_in_file
    """
    copy(context, query, job)


def etl(context, job):
    """The rows are numbered before the filter, which deals them out to all threads."""
    register(context, job)
    kept = context.sql("""
        SELECT * FROM (SELECT *, row_number() OVER () AS row_in_file FROM source) WHERE amount > 10
    """)
    context.register_table("kept", kept.cache())
    query = f"""
        SELECT {sql.derived(job.shape)} FROM kept
        WHERE row_in_file IN (SELECT min(row_in_file) FROM kept GROUP BY transaction_id)
        ORDER BY row_in_file
    """
    copy(context, query, job)
    context.register_parquet("answer", f"{job.out}/all.parquet")
    for name, query in sql.summaries("answer", quantile("total", 0.95)).items():
        context.sql(f"COPY ({query}) TO '{job.summary(name)}' STORED AS PARQUET").collect()


def quantile(column, share):
    """As fast as `percentile_cont`, which rounds to a millionth of the way between neighbours."""
    values = f"array_sort(array_agg({column}) FILTER (WHERE {column} IS NOT NULL))"
    place = f"({share} * (count({column}) - 1))"
    low, high = (
        f"array_element({values}, CAST({neighbour}({place}) AS BIGINT) + 1)"
        for neighbour in ("floor", "ceil")
    )
    return f"{low} + ({high} - {low}) * ({place} - floor({place}))"


def register(context, job):
    columns = ", ".join(f"{name} {TYPES[kind]}" for name, kind in job.shape.columns.items())
    (path,) = job.inputs
    context.sql(
        f"CREATE EXTERNAL TABLE source ({columns}) STORED AS CSV LOCATION '{path}' "
        "OPTIONS ('format.has_header' 'true', 'format.newlines_in_values' 'true')"
    ).collect()


def copy(context, query, job):
    context.sql(
        f"COPY ({query}) TO '{job.out}/all.parquet' STORED AS PARQUET "
        "OPTIONS ('format.compression' 'zstd(1)')"
    ).collect()
