"""What is compared: three tasks over gen's shapes of tables.

`convert` turns typed CSV into Parquet. `features` first fills gaps (with a mean, a median, a
constant), then adds rolling columns per customer, in file order. `etl` keeps the rows whose amount
is above 10, and of those of the same id the first, in file order; adds what they come to, their
month, their quarter and a class of price; and sums them up in two tables beside the rows. Every
engine is told the types of the columns, so none gains or loses by guessing them.
"""

from dataclasses import dataclass
from pathlib import Path

TASKS = ("convert", "features", "etl")

KEY = "customer_id"
TIME = "timestamp"  # rising from row to row, but for repeated rows

# The columns that `etl` adds: quantity * amount * (1 - discount), in this order; the parts of the
# time; and "Low" up to an amount of 100, "Medium" up to 500, "High" up to 2000, then "Premium".
ADDED = {"total": "float64", "month": "int64", "quarter": "int64", "price_category": "utf8"}

# The tables that it makes, of the rows that are left: their keys (missing ones too, and in any
# order of rows) and measures: sum and mean of the total, rows, different customers; and its sum and
# exact quantile of 0.95, between neighbours linearly.
SUMMARIES = {
    "region": (
        {"region": "utf8"},
        {"revenue": "float64", "average": "float64", "n": "int64", "customers": "int64"},
    ),
    "category_by_month": (
        {"product_category": "utf8", "month": "int64"},
        {"revenue": "float64", "p95": "float64"},
    ),
}


@dataclass(frozen=True)
class Shape:
    """The columns of a table, and what `features` does with them."""

    columns: dict  # name: "int64", "float64", "timestamp" or "utf8"
    fits: dict  # column: "mean" or "median", what its gaps are filled with
    constants: dict  # column: text, likewise
    windows: tuple  # (column, "mean", "max" or "sum", a number of rows or "1d")
    missing: str = "2%"
    repeated: str = "0%"  # rows that come again up to a million rows later
    made_as: str = ""  # what gen calls it, if not as it is called here
    tasks: tuple = ("convert", "features")

    def window_names(self):
        """What the columns of the windows are called, as chunketl does."""
        return ["_".join(map(str, window)) for window in self.windows]


def transactions(**others):
    return Shape(
        columns={
            "transaction_id": "int64",
            KEY: "int64",
            TIME: "timestamp",
            "region": "utf8",
            "product_category": "utf8",
            "payment_method": "utf8",
            "quantity": "float64",
            "amount": "float64",
            "discount": "float64",
            "note": "utf8",
        },
        fits={"amount": "mean", "quantity": "median"},
        constants={"region": "Unknown"},
        windows=(("amount", "mean", 7), ("quantity", "max", 30), ("amount", "sum", "1d")),
        **others,
    )


def quotes():
    texts = dict.fromkeys(("title", "description", "review", "reply"), "utf8")
    return Shape(
        columns={KEY: "int64", TIME: "timestamp", "rating": "float64", **texts},
        fits={"rating": "mean"},
        constants={"title": "Unknown"},
        windows=(("rating", "mean", 7), ("rating", "max", 30), ("rating", "sum", "1d")),
    )


def floats():
    numbers = {f"f{index:02}": "float64" for index in range(100)}
    return Shape(
        columns={KEY: "int64", TIME: "timestamp", **numbers},
        fits={"f00": "mean", "f01": "median"},
        constants={},
        windows=(("f00", "mean", 7), ("f01", "max", 30), ("f00", "sum", "1d")),
    )


def narrow():
    # What a mean or a median fills is a float; the others stay integers.
    numbers = {f"i{index}": "float64" if index in (5, 7) else "int64" for index in range(8)}
    return Shape(
        columns={KEY: "int64", TIME: "timestamp", **numbers},
        fits={"i7": "mean", "i5": "median"},
        constants={},
        windows=(("i7", "mean", 7), ("i5", "max", 30), ("i7", "sum", "1d")),
    )


SHAPES = {
    "transactions": transactions(),
    "quotes": quotes(),
    "floats": floats(),
    "narrow": narrow(),
    "keys": transactions(),
    "nulls": transactions(missing="50%"),
    "hot": transactions(),
    "duplicates": transactions(repeated="1%", made_as="transactions", tasks=("etl",)),
}

# Where a task's main figures come from.
MAIN_SHAPES = {"convert": "transactions", "features": "transactions", "etl": "duplicates"}


def summary_file(directory, name):
    """Where a table stands, beside the rows."""
    return Path(directory, "_aggregates", f"{name}.parquet")


@dataclass(frozen=True)
class Job:
    """One task over one table: all that a peer is told."""

    task: str
    shape_name: str
    inputs: list  # CSV files, in order
    out: str  # an empty directory; *.parquet in it, by name, become the answer in row order
    threads: int
    memory: int  # bytes to stay below
    temp: str  # a directory to spill to

    @property
    def shape(self):
        return SHAPES[self.shape_name]

    def summary(self, name):
        """The file of one of the tables of `etl`. Its directory is there."""
        return str(summary_file(self.out, name))
