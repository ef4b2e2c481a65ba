"""Writes tables to join to join/, and what pandas and DuckDB make of them to join/NAME.csv.

Run: python tests/expected/join.py   (pandas 3.1, numpy 2, duckdb 1.4)

The joins are those of `ANSWERS` in tests/join.rs: the row's number and the value that it finds, of
all rows that stay, in their order. Where both have the join, DuckDB must agree with pandas. An empty
cell is null.
"""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

HERE = Path(__file__).parent / "join"
ROWS = 300


def tables():
    random = np.random.default_rng(5)
    start = pd.Timestamp("2024-03-01")

    def moments(count, step):
        return start + pd.to_timedelta(random.integers(0, 48, count) * step, unit="min")

    rows = pd.DataFrame(
        {
            "row": np.arange(ROWS),
            "key": random.choice(["a", "b", "c", "d", "e"], ROWS),
            "shop": random.integers(1, 5, ROWS),
            "at": moments(ROWS, 30),
        }
    )
    rows.loc[random.random(ROWS) < 0.1, "key"] = None
    rows.loc[random.random(ROWS) < 0.1, "at"] = pd.NaT
    keys = pd.DataFrame({"key": ["c", "a", "x", "e"], "value": [1, 2, 3, 4]})
    pairs = [(key, shop) for key in "abd" for shop in (1, 3, 4)]
    shops = pd.DataFrame(pairs, columns=["key", "shop"])
    shops["value"] = np.arange(len(shops))
    # Times stand twice, and in no order.
    times = pd.DataFrame(
        {"key": random.choice(["a", "b", "c", "f"], 60), "at": moments(60, 30), "value": np.arange(60)}
    )
    return rows, keys, shops, times


def write(name, found):
    found = found.sort_values("row", kind="stable")[["row", "value"]]
    found["value"] = found["value"].astype("Int64")
    found.to_csv(HERE / f"{name}.csv", index=False)
    return found


def as_of(rows, times, by, **options):
    """merge_asof over sorted tables; equal times keep their order. Rows without a key or a time
    find nothing."""
    is_known = rows["at"].notna() if by is None else rows["at"].notna() & rows["key"].notna()
    left = rows[is_known].sort_values("at", kind="stable")
    right = times.sort_values("at", kind="stable")
    found = pd.merge_asof(left, right.drop(columns=[] if by else ["key"]), on="at", by=by, **options)
    return pd.concat([found, rows[~is_known].assign(value=None)])


def check_with_duckdb(rows, times, name, direction):
    """DuckDB's ASOF JOIN knows no order of equal times: only the time that is found is compared."""
    sign = ">=" if direction == "backward" else "<="
    found = duckdb.sql(
        f"select r.row, t.at as there from rows r asof left join times t on r.key = t.key and r.at {sign} t.at"
    ).df()
    ours = pd.read_csv(HERE / f"{name}.csv", dtype={"value": "Int64"})
    at = times.set_index("value")["at"]
    ours["there"] = ours["value"].map(at)
    both = ours.merge(found, on="row", suffixes=("", "_duckdb"))
    same = (both["there"] == both["there_duckdb"]) | (both["there"].isna() & both["there_duckdb"].isna())
    assert len(both) == len(rows) and same.all(), name


def main():
    HERE.mkdir(exist_ok=True)
    rows, keys, shops, times = tables()
    for name, table in [("in", rows), ("keys", keys), ("shops", shops), ("times", times)]:
        table.to_csv(HERE / f"{name}.csv", index=False)
    # pandas takes null for a key that is equal to itself; there is none in these tables.
    for name, table, on, how in [
        ("left", keys, ["key"], "left"),
        ("inner", keys, ["key"], "inner"),
        ("two_keys", shops, ["key", "shop"], "left"),
        ("all", times[["key", "value"]], ["key"], "left"),
        ("all_inner", times[["key", "value"]], ["key"], "inner"),
    ]:
        found = write(name, rows.merge(table, on=on, how=how))
        condition = " and ".join(f"r.{column} = t.{column}" for column in on)
        theirs = duckdb.sql(
            f"select r.row, t.value from rows r {how} join \"table\" t on {condition} order by r.row, t.value"
        ).df()
        assert theirs["row"].tolist() == found["row"].tolist(), name
        assert theirs["value"].astype("Int64").tolist() == found["value"].tolist(), name
    exact = dict(allow_exact_matches=False)
    write("backward", as_of(rows, times, "key"))
    write("backward_strict", as_of(rows, times, "key", **exact))
    write("forward", as_of(rows, times, "key", direction="forward"))
    write("forward_strict", as_of(rows, times, "key", direction="forward", **exact))
    write("nearest", as_of(rows, times, "key", direction="nearest"))
    write("tolerance", as_of(rows, times, "key", direction="nearest", tolerance=pd.Timedelta("90min")))
    write("no_key", as_of(rows, times, None))
    check_with_duckdb(rows, times, "backward", "backward")
    check_with_duckdb(rows, times, "forward", "forward")


main()
