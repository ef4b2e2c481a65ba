"""Writes a table with duplicates to dedup/in.csv and which of its rows pandas keeps to dedup/kept.csv.

Run: python tests/expected/dedup.py   (pandas 3.1, numpy 2)

Each line of kept.csv is a case of tests/dedup.rs: the columns, which row stays, and the numbers of the
rows that do. An empty cell is null, which equals null.
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent / "dedup"
ROWS = 300


def table():
    random = np.random.default_rng(5)
    data = pd.DataFrame(
        {
            "shop": random.choice(["north", "south", "east, old", 'the "west"'], ROWS),
            "amount": random.choice([0.0, 1.5, -2.25, 1e300], ROWS),
            "quantity": random.integers(0, 40, ROWS).astype(float),
            "day": pd.Timestamp("2024-02-01") + pd.to_timedelta(random.integers(0, 9, ROWS), unit="D"),
            "code": [f"c{number:03}" for number in random.integers(0, 200, ROWS)],
        }
    )
    for name, share in [("shop", 0.1), ("amount", 0.1), ("quantity", 0.2), ("day", 0.1), ("code", 0.02)]:
        data.loc[random.random(ROWS) < share, name] = None
    # Whole rows that come again.
    again = random.integers(0, ROWS, 60)
    data.loc[again] = data.loc[random.integers(0, ROWS, 60)].to_numpy()
    return data


def main():
    data = table()
    HERE.mkdir(exist_ok=True)
    out = data.astype({"quantity": "Int64"})
    # 0 and -0 are equal.
    text = out["amount"].map(lambda x: "" if pd.isna(x) else repr(float(x)))
    flips = np.random.default_rng(6).random(ROWS) < 0.5
    text[(out["amount"] == 0) & flips] = "-0.0"
    out["amount"] = text
    out["day"] = pd.to_datetime(out["day"]).dt.strftime("%Y-%m-%d")
    out.to_csv(HERE / "in.csv", index=False)
    cases = []
    for by in [["shop"], ["quantity"], ["code"], ["amount"], ["day", "shop"], ["shop", "amount", "quantity"], ["*"]]:
        for keep in ["first", "last", "none"]:
            subset = None if by == ["*"] else by
            kept = data.drop_duplicates(subset, keep={"none": False}.get(keep, keep))
            cases.append({"by": ",".join(by), "keep": keep, "rows": " ".join(map(str, kept.index))})
    pd.DataFrame(cases).to_csv(HERE / "kept.csv", index=False)


if __name__ == "__main__":
    main()
