"""Writes what pandas and NumPy make of a column that is fitted first to fitted/out.csv.

Run: python tests/expected/fitted.py   (pandas 3.1, numpy 2)

`in.csv` is the table; `out.csv` has a column for each step over it. Scalers are those of
scikit-learn, spelt out: the standard deviation of the population, a divisor of zero left out.
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent / "fitted"


def table(rows=240):
    random = np.random.default_rng(11)
    amount = np.round(random.lognormal(3, 1.5, rows), 2)
    amount[random.random(rows) < 0.1] = np.nan
    count = random.integers(-4, 5, rows).astype("float")
    count[random.random(rows) < 0.15] = np.nan
    region = random.choice(["North", "South", "East", "west", "Ünlü"], rows).astype(object)
    region[random.random(rows) < 0.1] = None
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "amount": amount,
            "count": pd.array(count, dtype="Int64"),
            "flat": np.full(rows, 7.5),
            "region": region,
        }
    )


def scaled(x):
    deviation, width = x.std(ddof=0), x.max() - x.min()
    iqr = x.quantile(0.75) - x.quantile(0.25)
    return {
        "standard": (x - x.mean()) / (deviation or 1),
        "min-max": (x - x.min()) / (width or 1),
        "robust": (x - x.median()) / (iqr or 1),
    }


def clipped(x):
    low, high = x.quantile(0.25), x.quantile(0.75)
    mean, deviation = x.mean(), x.std(ddof=0)
    limits = {
        "iqr": (low - 1.5 * (high - low), high + 1.5 * (high - low)),
        "zscore:1": (mean - deviation, mean + deviation),
        "quantile:0.05,0.9": (x.quantile(0.05), x.quantile(0.9)),
    }
    return {name: x.clip(*pair) for name, pair in limits.items()}


def bins(x, **options):
    codes = pd.qcut(x, labels=False, **options)
    return codes.astype("Int64")


def main():
    HERE.mkdir(exist_ok=True)
    data = table()
    data.to_csv(HERE / "in.csv", index=False)
    out = pd.DataFrame({"id": data["id"]})
    for column in ["amount", "count", "flat"]:
        x = data[column].astype("float64")
        for name, cells in scaled(x).items():
            out[f"{column} {name}"] = cells
        for name, cells in clipped(x).items():
            out[f"{column} {name}"] = cells
    amount, count = data["amount"], data["count"].astype("float64")
    out["amount 4"] = bins(amount, q=4)
    out["amount 7"] = bins(amount, q=7)
    out["amount shares"] = bins(amount, q=[0.1, 0.5, 0.9])
    out["count 5"] = bins(count, q=5, duplicates="drop")
    region = data["region"]
    known = sorted(region.dropna().unique(), key=lambda text: text.encode())
    out["ordinal"] = region.map({name: code for code, name in enumerate(known)}).astype("Int64")
    flags = pd.get_dummies(region, prefix="region")
    for name in known:
        out[f"region_{name}"] = flags[f"region_{name}"].map({True: "true", False: "false"})
    out.to_csv(HERE / "out.csv", index=False)


main()
