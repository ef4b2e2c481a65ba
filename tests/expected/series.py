"""Answers of pandas to steps along the rows of each key, frozen into series/in.csv and series/out.csv.

Run with pandas 3.1: `python series.py`. The steps are those of series/steps.toml, in that order.
"""

from pathlib import Path

import numpy as np
import pandas as pd

OUT = Path(__file__).parent / "series"
random = np.random.default_rng(11)
COUNT = 120

frame = pd.DataFrame(
    {
        "shop": random.choice(["a", "b", "c", "d"], COUNT, p=[0.5, 0.3, 0.15, 0.05]),
        "at": pd.Timestamp("2024-02-27") + pd.to_timedelta(np.cumsum(random.integers(0, 200, COUNT)), "min"),
        "amount": np.round(random.normal(50, 30, COUNT), 2),
        "quantity": pd.array(random.integers(-9, 10, COUNT), dtype="Int64"),
        "factor": np.round(random.uniform(0.5, 1.9, COUNT), 1),
        "region": random.choice(["north", "south", "", "Zürich"], COUNT),
        "day": pd.Timestamp("2024-03-01") + pd.to_timedelta(random.integers(0, 60, COUNT), "D"),
    }
)
for column, share in [("at", 0.05), ("amount", 0.2), ("quantity", 0.2), ("factor", 0.2), ("day", 0.1)]:
    frame.loc[random.random(COUNT) < share, column] = None
frame.loc[frame.region == "", "region"] = None
written = frame.copy()
written["day"] = frame.day.dt.strftime("%Y-%m-%d")
written.to_csv(OUT / "in.csv", index=False, date_format="%Y-%m-%d %H:%M:%S")

result = written.copy()
shops = frame.groupby("shop", sort=False)
numbers = frame.assign(quantity=frame.quantity.astype("float64")).groupby("shop", sort=False)


def by_shop(make, timed=False):
    """What `make` makes of each shop's rows, in the rows' own order; of those with a time only."""
    rows = frame.assign(quantity=frame.quantity.astype("float64"))
    if timed:
        rows = rows[rows["at"].notna()]
    return pd.concat([make(group) for _, group in rows.groupby("shop", sort=False)])


def days(dates):
    return dates.dt.strftime("%Y-%m-%d")


result["amount_lag_1"] = shops.amount.shift(1)
result["amount_lag_7"] = shops.amount.shift(7)
result["region_lag_1"] = shops.region.shift(1)
result["day_before"] = days(shops.day.shift(3))
result["amount_lead_2"] = shops.amount.shift(-2)
result["region_lead_1"] = shops.region.shift(-1)
result["amount_diff_1"] = shops.amount.diff()
result["quantity_diff_2"] = numbers.quantity.diff(2)
result["day_diff_1"] = shops.day.diff().dt.days
result["amount_pct_change_1"] = shops.amount.pct_change(fill_method=None)
result["quantity_pct_change_3"] = numbers.quantity.pct_change(3, fill_method=None)
result["amount_cumsum"] = shops.amount.cumsum()
result["so_far"] = numbers.quantity.cumsum()
result["factor_cumprod"] = shops.factor.cumprod()
result["amount_cummax"] = shops.amount.cummax()
result["quantity_cummax"] = numbers.quantity.cummax()
result["day_cummax"] = days(shops.day.cummax())
result["amount_cummin"] = shops.amount.cummin()
result["quantity_cummin"] = numbers.quantity.cummin()
result["n"] = shops.cumcount()
rank = numbers.quantity.rank
result["quantity_rank"] = rank()
result["rank_min"] = rank(method="min")
result["rank_max"] = rank(method="max", ascending=False)
result["rank_first"] = rank(method="first")
result["rank_last"] = rank(method="first", ascending=False)
result["rank_dense"] = rank(method="dense")
result["rank_dense_pct"] = rank(method="dense", pct=True)
result["amount_rank"] = shops.amount.rank(pct=True)
result["day_rank"] = shops.day.rank(ascending=False)
for function in ["mean", "std", "var"]:
    ewm = by_shop(lambda group: getattr(group.amount.ewm(span=10), function)())
    result[f"amount_ewm_{function}_10"] = ewm
result["amount_ewm_mean_2.5"] = by_shop(lambda group: group.amount.ewm(com=2.5, adjust=False).mean())
for function in ["mean", "var"]:
    shape = {"alpha": 0.3, "ignore_na": True, "min_periods": 3}
    result[f"amount_ewm_{function}_0.3"] = by_shop(lambda group: getattr(group.amount.ewm(**shape), function)())
for function in ["mean", "std"]:
    shape = {"halflife": 3, "adjust": False, "ignore_na": True}
    result[f"quantity_ewm_{function}_3"] = by_shop(lambda group: getattr(group.quantity.ewm(**shape), function)())
result["quantity_ewm_std_0.2"] = by_shop(lambda group: group.quantity.ewm(alpha=0.2, adjust=False).std())
result["amount_ewm_mean_1d"] = by_shop(
    lambda group: group.amount.ewm(halflife="1D", times=group["at"]).mean(), timed=True
)
result["faded"] = by_shop(
    lambda group: group.amount.ewm(halflife="12h", times=group["at"], adjust=False, ignore_na=True).mean(),
    timed=True,
)
for function in ["mean", "sum", "min", "max", "std", "var", "count"]:
    result[f"amount_expanding_{function}"] = by_shop(lambda group: getattr(group.amount.expanding(), function)())
result["amount_expanding_median"] = by_shop(lambda group: group.amount.expanding(3).median())
result["amount_expanding_q90"] = by_shop(lambda group: group.amount.expanding(3).quantile(0.9))
result["amount_expanding_first"] = by_shop(lambda group: group.amount.expanding(3).first())
result["amount_expanding_last"] = by_shop(lambda group: group.amount.expanding(3).last())
result["quantity_expanding_sum"] = by_shop(lambda group: group.quantity.expanding().sum())
result["quantity_expanding_q05"] = by_shop(lambda group: group.quantity.expanding().quantile(0.05))
result["session"] = by_shop(
    lambda group: (group["at"].diff() > pd.Timedelta("6h")).cumsum(), timed=True
)
result.to_csv(OUT / "out.csv", index=False, date_format="%Y-%m-%d %H:%M:%S")
