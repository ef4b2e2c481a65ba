"""The parts of the queries for `features` and `etl` that DuckDB and DataFusion share."""

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


def derived(shape):
    """The columns of `etl`."""
    return f"""
        {", ".join(shape.columns)}, quantity * amount * (1 - discount) AS total,
        date_part('month', {TIME}) AS month, date_part('quarter', {TIME}) AS quarter,
        CASE WHEN amount <= 100 THEN 'Low' WHEN amount <= 500 THEN 'Medium'
            WHEN amount <= 2000 THEN 'High' ELSE 'Premium' END AS price_category
    """


def summaries(rows, p95):
    """The queries for the tables of `etl`, by name; `p95` is that quantile of the total."""
    return {
        "region": f"""
            SELECT region, sum(total) AS revenue, avg(total) AS average, count(*) AS n,
                count(DISTINCT {KEY}) AS customers
            FROM {rows} GROUP BY region
        """,
        "category_by_month": f"""
            SELECT product_category, month, sum(total) AS revenue, {p95} AS p95
            FROM {rows} GROUP BY product_category, month
        """,
    }


def outputs(shape):
    return ", ".join([*shape.columns, *shape.window_names()])
