"""Writes to aggregate/ what pandas and DuckDB make of e2e/in.csv in groups.

Run: python tests/expected/aggregate.py   (pandas 3.1, DuckDB 2.0)

An empty cell is null. pandas makes 0 of the sum of no value, and so is told that it takes one.
"""

from pathlib import Path

import duckdb
import pandas as pd

HERE = Path(__file__).parent
IN = HERE / "e2e" / "in.csv"
OUT = HERE / "aggregate"


def by_pandas():
    data = pd.read_csv(IN, parse_dates=["at"])
    groups = data.groupby(["shop", "region"], dropna=False, sort=True)
    mode = lambda values: values.mode().iloc[0] if values.count() else None
    table = groups.agg(
        n=("at", "size"),
        amounts=("amount", "count"),
        total=("amount", lambda values: values.sum(min_count=1)),
        average=("amount", "mean"),
        low=("amount", "min"),
        high=("amount", "max"),
        std=("price", "std"),
        var=("price", "var"),
        median=("price", "median"),
        p95=("price", lambda values: values.quantile(0.95)),
        stocks=("stock", "nunique"),
        first=("stock", "first"),
        last=("stock", "last"),
        mode=("quantity", mode),
    )
    table.reset_index().to_csv(OUT / "pandas.csv", index=False)
    data["month"] = data["at"].dt.month
    pivot = data.pivot_table(index="shop", columns="month", values="amount", aggfunc="sum")
    pivot.reset_index().to_csv(OUT / "pivot.csv", index=False)


def by_duckdb():
    duckdb.sql(f"""
        COPY (
            SELECT time_bucket(INTERVAL '36 hours', "at") AS span, region,
                count(*) AS n, sum(amount * quantity) AS revenue, avg(stock) AS stock,
                count(DISTINCT shop) AS shops, quantile_cont(amount, 0.25) AS q25,
                var_samp(rate) AS var, stddev_samp(rate) AS std, min(shop) AS first_shop,
                max("at") AS latest, count(rate) AS rates
            FROM read_csv('{IN}') GROUP BY ALL ORDER BY span, region NULLS LAST
        ) TO '{OUT / "duckdb.csv"}'
    """)
    duckdb.sql(f"""
        COPY (
            SELECT date_trunc('quarter', "at") AS quarter, sum(stock) AS stock, mode(region) AS region
            FROM read_csv('{IN}') GROUP BY ALL ORDER BY quarter
        ) TO '{OUT / "quarters.csv"}'
    """)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    by_pandas()
    by_duckdb()
