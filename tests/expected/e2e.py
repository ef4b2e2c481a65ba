"""Writes a small table with gaps to e2e/in.csv and what pandas makes of it to e2e/out.csv.

Run: python tests/expected/e2e.py   (pandas 3.1, numpy 2)

The fills run first, then the windows over what they have filled, as in `STEPS` of
tests/expected.rs. An empty cell is null.
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent / "e2e"
ROWS = 400


def table():
    random = np.random.default_rng(11)
    seconds = np.cumsum(random.integers(0, 12 * 3600, ROWS))
    data = pd.DataFrame(
        {
            "shop": random.choice(["north", "south", "east, old", 'the "west"'], ROWS),
            "at": pd.Timestamp("2024-01-30") + pd.to_timedelta(seconds, unit="s"),
            "amount": np.round(random.lognormal(3, 1, ROWS), 2),
            "quantity": random.integers(1, 40, ROWS).astype(float),
            "price": np.round(random.normal(50, 20, ROWS), 3),
            "stock": random.integers(-5, 100, ROWS).astype(float),
            "rate": np.round(random.random(ROWS), 4),
            "region": random.choice(["A", "B", "C"], ROWS, p=[0.5, 0.3, 0.2]),
        }
    )
    for name, share in [("amount", 0.2), ("quantity", 0.1), ("price", 0.3), ("stock", 0.4), ("rate", 0.3), ("region", 0.1)]:
        data.loc[random.random(ROWS) < share, name] = None
    return data


def fill(data):
    by_shop = data.groupby("shop")
    data["amount"] = by_shop["amount"].transform(lambda s: s.interpolate(method="linear"))
    # A whole number column takes the median rounded half to even.
    data["quantity"] = data["quantity"].fillna(np.rint(data["quantity"].median()))
    data["price"] = by_shop["price"].transform(lambda s: s.fillna(s.mean()))
    data["stock"] = by_shop["stock"].ffill()
    data["rate"] = by_shop["rate"].bfill()
    data["region"] = data["region"].fillna(data["region"].mode()[0])
    return data


def windows(data):
    """Adds the columns made by windows, shop by shop."""
    rolling = {
        "amount_mean_7": ("amount", 7, lambda w: w.mean()),
        "amount_sum_3d": ("amount", "3D", lambda w: w.sum()),
        "amount_std_5": ("amount", 5, lambda w: w.std()),
        "amount_median_6": ("amount", 6, lambda w: w.median()),
        "amount_q90_36h": ("amount", "36h", lambda w: w.quantile(0.9)),
        "quantity_max_4": ("quantity", 4, lambda w: w.max()),
        "price_min_2d": ("price", "2D", lambda w: w.min()),
        "price_var_5d": ("price", "5D", lambda w: w.var()),
        "stock_first_3": ("stock", 3, lambda w: w.apply(lambda s: s.iloc[0])),
        "rate_last_1d": ("rate", "1D", lambda w: w.last()),
        "rate_count_2d": ("rate", "2D", lambda w: w.count()),
    }
    for name, (column, window, function) in rolling.items():
        made = []
        for _, rows in data.groupby("shop"):
            values = rows.set_index("at")[column]
            result = function(values.rolling(window))
            made.append(pd.Series(result.to_numpy(), index=rows.index))
        data[name] = pd.concat(made)
    return data


def main():
    data = table()
    HERE.mkdir(exist_ok=True)
    whole = data.astype({"quantity": "Int64", "stock": "Int64"})
    whole.to_csv(HERE / "in.csv", index=False)
    windows(fill(data)).to_csv(HERE / "out.csv", index=False)


if __name__ == "__main__":
    main()
