"""Answers of pandas to rolling windows, frozen into rolling/*.csv.

Run with pandas 3.1: `python rolling.py`. Each file has the columns key, time (in nanoseconds) and
value, and then one column per window, headed `function:window:min_samples`.
"""

from pathlib import Path

import numpy as np
import pandas as pd

nan, inf = np.nan, np.inf
FUNCTIONS = "sum mean min max std var count median q05 q90 q99.9 first last".split()
OUT = Path(__file__).parent / "rolling"


def roll(frame, function, window, min_samples):
    """One column over all keys, null times kept out of time windows, in the rows' own order."""
    timed = not window.isdigit()
    if timed:
        frame = frame[frame.time.notna()]
    parts = []
    for _, group in frame.groupby("key", dropna=False, sort=False):
        values = group.value
        if timed:
            values = pd.Series(values.values, index=pd.to_datetime(group.time.astype("int64")))
        rolling = values.rolling(
            pd.Timedelta(window.replace("d", "D")) if timed else int(window), min_periods=min_samples
        )
        if function.startswith("q"):
            result = rolling.quantile(float(function[1:]) / 100)
        else:
            result = getattr(rolling, function)()
        parts.append(pd.Series(result.values, index=group.index))
    return pd.concat(parts)


def freeze(name, frame, windows):
    for window, min_samples in windows:
        for function in FUNCTIONS:
            header = f"{function}:{window}:{'' if min_samples is None else min_samples}"
            frame[header] = roll(frame[["key", "time", "value"]], function, window, min_samples)
    frame["time"] = frame.time.astype("Int64")
    frame.to_csv(OUT / f"{name}.csv", index=False, na_rep="")


def rows(keys, times, values):
    frame = pd.DataFrame({"key": keys, "value": np.array(values, dtype=float)})
    frame["time"] = pd.array(times, dtype="Int64")
    frame["key"] = frame.key.astype("Int64")
    return frame[["key", "time", "value"]]


HOUR = 3_600_000_000_000
count = 30
random = np.random.default_rng(7)
gaps = [nan if random.random() < 0.3 else round(v, 2) for v in random.normal(10, 5, count)]
keys = [None if k == 3 else int(k) for k in random.integers(0, 4, count)]
ties = (np.cumsum(random.integers(0, 3, count)) * HOUR).tolist()

# Nulls, null keys, every default and explicit min_samples.
freeze("gaps", rows(keys, ties, gaps), [("1", None), ("3", None), ("3", 1), ("5", 2), ("4", 0)])

# Ties in time, null times, bounds on the hour: a window is open at its start.
times = [None if i % 9 == 4 else t for i, t in enumerate(ties)]
freeze("times", rows(keys, times, gaps), [("2h", None), ("2h", 2), ("5h", 0), ("1d", 3), ("1ns", None)])

# Infinities and NaN are missing, but counted.
hard = [1, 2, inf, 3, 4, nan, -inf, 5, 6, 7, -inf, inf, nan, 8, 0, -0.0, 9, 9, 9, 9]
freeze(
    "infinite",
    rows([0] * 20, (np.arange(20) // 2 * HOUR).tolist(), hard),
    [("2", None), ("3", 1), ("4", 0), ("2h", None), ("2h", 2)],
)

# One key of constants and one of even steps. (On a jump between them pandas itself leaves residues
# in std and var of up to 1e-6; a row window of constants must give exactly 0.)
steps = [0.1] * 6 + [64 + v / 8 for v in range(14)]
freeze(
    "steps",
    rows([0] * 6 + [1] * 14, [i * HOUR for i in range(20)], steps),
    [("3", None), ("6", 2), ("4h", 2)],
)
