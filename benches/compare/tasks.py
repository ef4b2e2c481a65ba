"""What is compared: two tasks over gen's shapes of tables.

`convert` turns typed CSV into Parquet. `features` first fills gaps (with a mean, a median, a
constant), then adds rolling columns per customer, in file order. Every engine is told the types of
the columns, so none gains or loses by guessing them.
"""

from dataclasses import dataclass

TASKS = ("convert", "features")

KEY = "customer_id"
TIME = "timestamp"  # rising from row to row


@dataclass(frozen=True)
class Shape:
    """The columns of a table, and what `features` does with them."""

    columns: dict  # name: "int64", "float64", "timestamp" or "utf8"
    fits: dict  # column: "mean" or "median", what its gaps are filled with
    constants: dict  # column: text, likewise
    windows: tuple  # (column, "mean", "max" or "sum", a number of rows or "1d")
    missing: str = "2%"

    def window_names(self):
        """What the columns of the windows are called, as chunketl does."""
        return ["_".join(map(str, window)) for window in self.windows]


def transactions(missing="2%"):
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
        missing=missing,
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
}


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
