"""The parts of the query for `features` that DuckDB and DataFusion share."""

from tasks import KEY, TIME

FITS = {"mean": "avg", "median": "median"}
FUNCTIONS = {"mean": "avg", "max": "max", "sum": "sum"}


def fits(shape):
    """The statistics that fill gaps, to select from the source."""
    return ", ".join(f"{FITS[how]}({name}) AS {name}" for name, how in shape.fits.items())


def filled(shape, values):
    """All columns, gaps filled with `values` and the shape's constants."""
    values = values | {name: f"'{text}'" for name, text in shape.constants.items()}
    return ", ".join(
        f"coalesce({name}, {values[name]}) AS {name}" if name in values else name
        for name in shape.columns
    )


def windows(shape):
    return ", ".join(
        f"{window(*what)} AS {name}" for name, what in zip(shape.window_names(), shape.windows)
    )


def window(name, function, window):
    """Windows of rows are null until they are full. A window of time is open at its old end, and
    holds later rows of the same time too: RANGE knows no order among them."""
    call = f"{FUNCTIONS[function]}({name})"
    if isinstance(window, str):
        assert window == "1d"
        frame = "RANGE BETWEEN INTERVAL '86399.999999 seconds' PRECEDING AND CURRENT ROW"
        return f"{call} OVER (PARTITION BY {KEY} ORDER BY {TIME} {frame})"
    frame = f"ROWS BETWEEN {window - 1} PRECEDING AND CURRENT ROW"
    over = f"OVER (PARTITION BY {KEY} ORDER BY row_in_file {frame})"
    return f"CASE WHEN count(*) {over} = {window} THEN {call} {over} END"


def outputs(shape):
    return ", ".join([*shape.columns, *shape.window_names()])
