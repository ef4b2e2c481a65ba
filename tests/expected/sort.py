"""Writes a small table to sort/in.csv and the orders that DuckDB puts it in to sort/orders.txt.

Run: python tests/expected/sort.py   (DuckDB 2.0)

Each line of orders.txt is what `sort` says in the file, and the numbers of the rows in order. Ties
keep the order of the rows: the number is the last key. NaN is spelt 99 in the file.
"""

from pathlib import Path

import duckdb
import numpy as np

HERE = Path(__file__).parent / "sort"
ROWS = 250

ORDERS = [
    ("'n'", "n"),
    ("'-n'", "n DESC"),
    ("'x'", "x"),
    ("'-x'", "x DESC"),
    ("{ by = ['x'], nulls = 'first' }", "x NULLS FIRST"),
    ("['t']", "t"),
    ("['-t', 'n']", "t DESC, n"),
    ("['d', '-x']", "d, x DESC"),
    ("['b', 'd']", "b, d"),
    ("{ by = ['b', 'p'], descending = ['b', 'p'], nulls = 'first' }", "b DESC NULLS FIRST, p DESC NULLS FIRST"),
    ("['c', '-p']", "c, p DESC"),
    ("['p', 't', 'x']", "p, t, x"),
]


def cells(random, values, null):
    return [None if random.random() < null else random.choice(values) for _ in range(ROWS)]


def main():
    random = np.random.default_rng(5)
    columns = {
        "n": cells(random, [str(n) for n in [-9223372036854775808, -256, -1, 0, 1, 255, 9223372036854775807]], 0.2),
        "x": cells(random, ["-1e300", "-0.5", "-0.0", "0.0", "1e-300", "0.25", "99", "1e300"], 0.2),
        "t": cells(random, ["a", "b", "ab", "B", "Z", "é", "zz", "日本", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"], 0.2),
        "d": cells(random, ["1969-12-31", "1970-01-01", "2024-02-29", "0044-03-15"], 0.2),
        "b": cells(random, ["true", "false"], 0.3),
        "c": cells(random, ["low", "high", "Medium"], 0.2),
        "p": cells(random, ["-10.50", "0.01", "99.99", "1000000000.00"], 0.2),
    }
    HERE.mkdir(exist_ok=True)
    with open(HERE / "in.csv", "w") as file:
        file.write("id," + ",".join(columns) + "\n")
        for row in range(ROWS):
            file.write(str(row) + "," + ",".join(cell[row] or "" for cell in columns.values()) + "\n")
    duckdb.sql(
        f"""
        CREATE TABLE rows AS
        SELECT id, n, CASE WHEN x = 99 THEN 'NaN'::DOUBLE ELSE x END AS x, t, d, b, c, p
        FROM read_csv('{HERE / "in.csv"}', nullstr='', columns={{
            'id': 'BIGINT', 'n': 'BIGINT', 'x': 'DOUBLE', 't': 'VARCHAR', 'd': 'DATE',
            'b': 'BOOLEAN', 'c': 'VARCHAR', 'p': 'DECIMAL(12,2)'}})
        """
    )
    with open(HERE / "orders.txt", "w") as file:
        for sort, order in ORDERS:
            found = duckdb.sql(f"SELECT id FROM rows ORDER BY {order}, id").fetchall()
            file.write(sort + "|" + ",".join(str(id) for (id,) in found) + "\n")


main()
