"""Writes what pandas makes of the nulls of small columns to impute/fills.csv.

Run: python tests/expected/impute.py   (pandas 3.1, numpy 2)

One row per cell. `case` groups the rows of a column; `value` is the cell ("" is null); the other
columns are the cell after each fill, over the whole column and per key.
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent / "impute"
NULL = np.nan


def columns():
    """Yields (case, keys, values)."""
    yield "one null", ["a"], [NULL]
    yield "no null", ["a", "b", "a"], [1.0, 2.0, 3.0]
    yield "all null", ["a", "b", "a"], [NULL, NULL, NULL]
    yield "leading and trailing", list("aaaaaaa"), [NULL, NULL, 1.0, NULL, 4.0, NULL, NULL]
    yield "interleaved", list("abababab"), [1.0, NULL, NULL, 2.0, 3.0, NULL, NULL, 8.0]
    yield "one key null", list("abcabc"), [1.0, NULL, NULL, NULL, NULL, 5.5]
    yield "mode tie", list("aaaabbbb"), [3.0, 1.0, NULL, 3.0, 1.0, 2.0, 2.0, NULL]
    yield "falling", list("aaaaaa"), [10.0, NULL, NULL, NULL, NULL, -7.3]
    yield "huge", list("aaaaa"), [1e300, NULL, -1e300, NULL, 1e-300]
    yield "infinite", list("aaaaaaa"), [1.0, NULL, np.inf, NULL, np.inf, NULL, 2.0]
    random = np.random.default_rng(7)
    for case in range(12):
        rows = int(random.integers(20, 60))
        values = random.integers(-9, 9, rows) / 4 if case % 2 else random.normal(0, 100, rows)
        values[random.random(rows) < random.choice([0.1, 0.5, 0.9])] = NULL
        keys = random.choice(list("abcd")[: 1 + case % 4], rows)
        yield f"random {case}", list(keys), list(values)


def per_key(table, function):
    return table.groupby("key")["value"].transform(function)


def mode(values):
    modes = values.mode()
    return modes[0] if len(modes) else NULL


def fills(table):
    value = table["value"]
    fill = {
        "mean": lambda s: s.fillna(s.mean()),
        "median": lambda s: s.fillna(s.median()),
        "mode": lambda s: s.fillna(mode(s)),
        "ffill": lambda s: s.ffill(),
        "bfill": lambda s: s.bfill(),
        "linear": lambda s: s.interpolate(method="linear"),
    }
    for name, function in fill.items():
        table[name] = function(value)
        table[f"{name}:key"] = per_key(table, function)
    return table


def main():
    tables = []
    for case, keys, values in columns():
        table = pd.DataFrame({"case": case, "key": keys, "value": pd.Series(values, dtype=float)})
        tables.append(fills(table))
    pd.concat(tables).to_csv(HERE / "fills.csv", index=False)


if __name__ == "__main__":
    main()
