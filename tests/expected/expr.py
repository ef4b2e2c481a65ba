"""Writes a small table to expr/in.csv, and to expr/answers.jsonl what DuckDB makes of expressions
over it: a line for each, with the expression and its cells as text; null is null.

Run: python tests/expected/expr.py   (DuckDB 2.0)

A number with a point is a DECIMAL in DuckDB and a float here, so those are written as 1.5e0, which
is a float in both, unless they stand beside a decimal.
"""

import json
import sys
from pathlib import Path

import duckdb

HERE = Path(__file__).parent / "expr"

COLUMNS = {
    "id": "BIGINT", "i": "BIGINT", "j": "BIGINT", "f": "DOUBLE", "g": "DOUBLE", "b": "BOOLEAN",
    "s": "VARCHAR", "t": "VARCHAR", "c": "VARCHAR", "d": "DATE", "e": "DATE", "ts": "TIMESTAMP",
    "us": "TIMESTAMP", "p": "DECIMAL(12,2)", "q": "DECIMAL(6,3)", "n": "VARCHAR",
}
ROWS = [
    (7, 2, 1.5, -0.25, True, "hello", "l", "red", "2024-01-31", "2023-12-25", "2024-01-31 10:15:30", "2024-01-31 23:59:59.999999", "12.34", "0.500", "12"),
    (-7, 2, -1.5, 2.5, False, "Hello World", "o", "green", "2024-02-29", "2024-02-28", "2024-02-29 00:00:00", "2024-03-01 00:00:00", "-12.34", "1.250", "-3.7"),
    (7, -2, 0.5, 0.1, None, "", "", "blue", "1970-01-01", "1970-01-01", "1970-01-01 00:00:00", "1969-12-31 23:59:59.5", "0.00", "-0.001", "abc"),
    (-7, -2, 2.5, 3.0, True, "  padded  ", " ", "red", "1969-12-31", "2000-02-29", "1969-12-31 12:00:00.25", "2000-02-29 13:14:15", "99999.99", "999.999", " 42 "),
    (0, 5, 3.5, 1e10, False, "naïve café", "é", "green", "2000-12-31", "2001-01-01", "2000-12-31 23:59:59", "2001-01-01 00:00:00", "0.01", "0.001", "1e3"),
    (1, 1, -2.5, 1e-10, None, "日本語テキスト", "本", None, "2020-12-28", "2021-01-03", "2020-12-28 06:00:00", "2021-01-03 18:30:00", "1.00", "1.000", "2.5"),
    (None, 3, None, 1.0, True, None, "x", "red", None, "2024-01-01", None, "2024-01-01 00:00:00", None, "2.000", None),
    (3, None, 4.0, None, False, "a-b-c", None, "blue", "2024-12-30", None, "2024-12-30 01:02:03", None, "5.55", None, "true"),
    (123456789, 1000, 123.456, 7.0, True, "a,b;c", ";", "green", "2016-07-04", "2015-07-04", "2016-07-04 16:20:00", "2015-07-04 16:20:00", "1234567.89", "3.142", "2024-01-31"),
    (-1, 9, 1e-3, -1e-3, False, "100%_sure", "%", "red", "1999-12-31", "1999-01-01", "1999-12-31 23:59:59", "1999-01-01 00:00:00", "-0.01", "-999.999", "f"),
    (42, 6, 1e15, 9.0, None, "ABCabc123", "c1", "purple", "2023-10-01", "2023-09-30", "2023-10-01 12:34:56.789", "2023-09-30 12:34:56.789", "42.42", "4.200", "0"),
    (1000000007, 13, -0.0, 0.0, True, "x", "x", "", "2038-01-19", "1901-12-13", "2038-01-19 03:14:07", "1901-12-13 20:45:52", "7.77", "7.770", "-0.5"),
]

COMPARISONS = [f"i {op} j" for op in ["=", "<>", "!=", "<", "<=", ">", ">="]] + [
    "f < g", "f = g", "s < t", "s = t", "c = 'red'", "c <> 'red'", "c < s", "d < e", "ts <= us", "d = ts",
    "ts > '2000-01-01'", "d >= '2000-02-29'", "d < DATE '2020-01-01'", "ts = TIMESTAMP '2024-01-31 10:15:30'",
    "p > q", "p > 1.00", "p = 12.34", "p < i", "q < f", "i > 1.5e0", "b = true", "b", "NOT b", "i = 7.0",
    "i IS NULL", "i IS NOT NULL", "b IS TRUE", "b IS NOT TRUE", "b IS FALSE", "b IS NOT FALSE",
    "b IS UNKNOWN", "i IS DISTINCT FROM j", "i IS NOT DISTINCT FROM j", "s IS DISTINCT FROM NULL",
    "f IS NOT DISTINCT FROM g", "i = NULL", "i > 0 AND j > 0", "i > 0 OR j > 0", "i > 0 AND NULL", "i > 0 OR NULL",
    "NOT (i > 0 AND b)", "b AND b", "b OR NOT b", "i BETWEEN 0 AND 10", "i NOT BETWEEN j AND 10",
    "f BETWEEN -2 AND 2", "s BETWEEN 'a' AND 'i'", "d BETWEEN '1999-01-01' AND '2021-01-01'",
    "i IN (7, 42, 3)", "i NOT IN (7, 42)", "i IN (7, NULL)", "i NOT IN (7, NULL)", "i IN (j, 7, 1)",
    "s IN ('x', 'hello')", "c IN ('red', 'blue')", "c NOT IN ('red', NULL)", "f IN (1.5e0, 4)", "d IN ('2024-01-31', '1970-01-01')",
    "NULL IN (1)", "i IN (1.5e0, 7)", "p IN (12.34, 1)",
]
ARITHMETIC = [
    "i + j", "i - j", "i * j", "i / j", "i // j", "i % j", "mod(i, j)", "-i", "+i", "i + 1", "1 - i", "i * 1.5e0",
    "f + g", "f - g", "f * g", "f % 2", "f // 2", "g // f", "-f", "i + f", "f / 4", "i / 2", "7 // 2", "-7 // 2", "-7 % 2",
    "p + q", "p - q", "p * q", "p / q", "p % 7", "p + 1", "1 - p", "p * 2", "p * i", "p + 0.005", "p * f", "-p", "p - i",
    "i + NULL", "NULL + 1", "2 + 3 * 4", "(2 + 3) * 4", "i - -1", "1e3 + i", "i + j * 2 - 3",
    "d + 1", "d - 1", "1 + d", "d + CAST(i % 100 AS INTEGER)", "d - e", "d + INTERVAL 1 MONTH", "d - INTERVAL '1 year'", "ts + INTERVAL 1 DAY",
    "ts - INTERVAL '1 hour 30 minutes'", "INTERVAL 2 WEEKS + ts", "d + INTERVAL '1' MONTH", "ts + INTERVAL 3 QUARTER",
    "ts + INTERVAL 1500 MILLISECOND", "d + INTERVAL 1 MONTH + INTERVAL 1 MONTH", "d - INTERVAL 12 HOUR", "ts - INTERVAL 100 YEAR",
]
NUMBERS = [
    "abs(i)", "abs(f)", "abs(p)", "sign(i)", "sign(f)", "round(f)", "round(g, 1)", "round(f, 2)", "round(f, -2)", "round(i)",
    "round(i, -2)", "round(1.005e0, 2)", "round(2.5e0)", "round(-2.5e0)", "floor(f)", "ceil(f)", "ceiling(g)", "floor(i)",
    "exp(g / 1e10)", "ln(abs(f) + 1)", "log10(abs(i) + 1)", "log(100)", "log2(8)", "sqrt(abs(f))", "power(f, 2)", "pow(2, j)",
    "power(i, 0.5e0)" , "least(i, j)", "greatest(i, j)", "least(f, g, 1)", "greatest(p, q)", "least(s, t)", "greatest(d, e)",
    "greatest(NULL, i)", "least(i, j, 5)", "isnan(f)", "greatest(ts, us)", "floor(p)", "round(p)", "sqrt(p * p)",
]
TEXTS = [
    "upper(s)", "lower(s)", "upper(c)", "lower('ÄÖÜ')", "upper('straße')", "trim(s)", "ltrim(s)", "rtrim(s)", "trim(s, 'hx ')", "ltrim(s, 'ha')",
    "rtrim(s, 'cdo')", "length(s)", "length(c)", "len(s)", "length('日本')", "substr(s, 2)", "substr(s, 2, 3)", "substring(s, 1, 1)",
    "substr(s, -3)", "substr(s, -3, 2)", "substr(s, 0)", "substr(s, 0, 2)", "substr(s, 3, -2)", "substr(s, 100)", "substr(s, -5, 3)", "substr(s, -2, -1)", "substr(s, -5, -1)", "substr(s, j)",
    "substr(c, 1, 2)", "substring(s FROM 2 FOR 2)", "left(s, 3)", "right(s, 3)", "left(s, -2)", "right(s, -2)", "left(s, j)",
    "replace(s, 'l', 'L')", "replace(s, t, '*')", "replace(s, '', 'x')", "replace(c, 'e', '')", "concat(s, t)", "concat(s, '-', c, '-', t)",
    "concat(s, NULL)", "concat(i, s)", "s || t", "s || '-' || c", "s || NULL", "i || s", "f || ''", "b || ''", "d || ''", "ts || ''", "p || ''",
    "split_part(s, '-', 1)", "split_part(s, '-', 2)", "split_part(s, '-', 4)", "split_part(s, '-', -1)", "split_part(s, '-', 0)",
    "split_part(s, ' ', 2)", "split_part(s, t, 1)", "split_part(s, '', 2)", "starts_with(s, 'h')", "starts_with(s, t)", "prefix(s, 'H')",
    "ends_with(s, 'c')", "suffix(s, t)", "contains(s, 'l')", "contains(s, t)", "contains(c, 'e')", "contains(s, '')",
    "s LIKE 'h%'", "s LIKE '%o%'", "s LIKE '_ello'", "s NOT LIKE '%a%'", "s ILIKE 'HELLO%'", "s LIKE ''", "s LIKE '%'", "c LIKE '%e%'",
    "c NOT LIKE 'r_d'", "s LIKE '100!%!_%' ESCAPE '!'", "s LIKE '%caf_'", "s NOT ILIKE '%B%'", "s LIKE 'a_b_c'", "s LIKE NULL",
    "regexp_matches(s, '[0-9]+')", "regexp_matches(s, '^h')", "regexp_matches(s, 'HELLO', 'i')", "regexp_matches(c, 'e+')",
    "regexp_extract(s, '[a-z]+')", "regexp_extract(s, '([a-z])-([a-z])', 2)", "regexp_extract(s, '(\\d+)', 1)", "regexp_extract(s, 'HELLO', 0, 'i')",
    "regexp_replace(s, '[aeiou]', '*')", "regexp_replace(s, '[aeiou]', '*', 'g')", "regexp_replace(s, '(\\w)-(\\w)', '\\2+\\1')",
    "regexp_extract(c, '[aeiou]+')", "length(upper(s)) + 1", "upper(left(s, 1)) || lower(substr(s, 2))",
]
TIMES = [
    f"{part}({column})"
    for part in ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "dayofweek", "weekday", "isodow", "dayofyear", "isoyear", "millisecond", "microsecond"]
    for column in (["d", "ts", "us"] if part not in ["hour", "minute", "second", "millisecond", "microsecond"] else ["ts", "us"])
] + [
    f"date_trunc('{unit}', {column})"
    for unit in ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"]
    for column in ["ts", "us"]
] + [
    f"CAST(date_trunc('{unit}', d) AS DATE)" for unit in ["year", "quarter", "month", "week", "day"]
] + [
    f"date_diff('{unit}', {columns})"
    for unit in ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond"]
    for columns in ["ts, us", "us, ts"]
] + [f"date_diff('{unit}', d, e)" for unit in ["year", "quarter", "month", "week", "day"]] + [
    "extract(year FROM ts)", "extract(dow FROM d)", "date_part('month', d)", "date_part('hour', ts)", "date_diff('day', d, ts)", "datediff('month', e, d)",
    "date_diff('week', TIMESTAMP '2024-01-01 23:00:00', TIMESTAMP '2024-01-08 00:00:00')", "hour(d)", "CAST(date_trunc('hour', d) AS TIMESTAMP)",
]
CASTS = [
    "CAST(i AS DOUBLE)", "CAST(f AS BIGINT)", "CAST(g * 1e-5 AS BIGINT)", "CAST(2.5e0 AS BIGINT)", "CAST(3.5e0 AS BIGINT)", "CAST(-2.5e0 AS BIGINT)",
    "CAST(i AS VARCHAR)", "CAST(f AS VARCHAR)", "CAST(g AS VARCHAR)", "CAST(p AS VARCHAR)", "CAST(d AS VARCHAR)", "CAST(ts AS VARCHAR)", "CAST(us AS VARCHAR)", "CAST(b AS VARCHAR)",
    "CAST(b AS BIGINT)", "CAST(i AS BOOLEAN)", "CAST(f AS BOOLEAN)", "CAST(p AS BIGINT)", "CAST(p AS DOUBLE)", "CAST(q AS DECIMAL(6,1))", "CAST(p AS DECIMAL(14,4))",
    "CAST(i AS DECIMAL(12,2))", "CAST(f * 0.001e0 AS DECIMAL(18,3))", "CAST(ts AS DATE)", "CAST(us AS DATE)", "CAST(d AS TIMESTAMP)",
    "TRY_CAST(n AS BIGINT)", "TRY_CAST(n AS DOUBLE)", "TRY_CAST(n AS BOOLEAN)", "TRY_CAST(n AS DATE)", "TRY_CAST(n AS TIMESTAMP)", "TRY_CAST(n AS DECIMAL(6,1))", "TRY_CAST(s AS BIGINT)",
    "CAST('2024-01-31' AS DATE)", "CAST('2024-01-31 10:00:00' AS TIMESTAMP)", "i::DOUBLE", "CAST('17' AS BIGINT) + i", "CAST(s AS VARCHAR)", "TRY_CAST(c AS BIGINT)",
    "CAST(CAST(i AS VARCHAR) AS BIGINT)", "CAST(CAST(f AS VARCHAR) AS DOUBLE)", "CAST(CAST(ts AS VARCHAR) AS TIMESTAMP)", "CAST(CAST(d AS VARCHAR) AS DATE)",
]
CHOICES = [
    "CASE WHEN i > 0 THEN 'positive' WHEN i < 0 THEN 'negative' ELSE 'zero' END", "CASE WHEN b THEN i END", "CASE c WHEN 'red' THEN 1 WHEN 'green' THEN 2 ELSE 0 END",
    "CASE WHEN j = 0 THEN NULL ELSE i / j END", "CASE WHEN i > 0 THEN i ELSE f END", "CASE WHEN NULL THEN 1 ELSE 2 END", "CASE i WHEN 7 THEN c WHEN -7 THEN s ELSE t END",
    "CASE WHEN i IS NULL THEN c ELSE upper(c) END", "CASE WHEN b THEN d ELSE e END", "CASE WHEN b THEN p ELSE q END", "CASE WHEN b THEN ts ELSE d END",
    "coalesce(i, j)", "coalesce(i, j, 0)", "coalesce(c, s)", "coalesce(c, 'none')", "coalesce(NULL, s, t)", "coalesce(f, i)", "coalesce(b, false)", "ifnull(i, -1)",
    "nullif(i, j)", "nullif(i, 7)", "nullif(s, '')", "nullif(c, 'red')", "nullif(f, 0)", "if(b, 1, 0)", "if(i > j, s, t)", "coalesce(nullif(c, ''), 'empty')",
    "coalesce(d, '2020-02-02')", "CASE WHEN c = 'red' AND i > 0 THEN f * 2 WHEN s LIKE '%a%' THEN g ELSE -1 END",
]


def text(value):
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    return str(value)


def main():
    HERE.mkdir(exist_ok=True)
    rows = [(index, *row) for index, row in enumerate(ROWS)]
    with open(HERE / "in.csv", "w", newline="") as file:
        file.write(",".join(COLUMNS) + "\n")
        for row in rows:
            cells = []
            for value in row:
                if value is None:
                    cells.append("")
                elif isinstance(value, str):
                    cells.append('"' + value.replace('"', '""') + '"')
                else:
                    cells.append(text(value))
            file.write(",".join(cells) + "\n")
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    base.execute("SET error_on_division_by_zero = false")
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    base.execute(f"CREATE TABLE t ({columns})")
    base.executemany(f"INSERT INTO t VALUES ({', '.join('?' for _ in COLUMNS)})", rows)
    failed = 0
    with open(HERE / "answers.jsonl", "w") as file:
        for sql in COMPARISONS + ARITHMETIC + NUMBERS + TEXTS + TIMES + CASTS + CHOICES:
            try:
                kind = base.execute(f"SELECT typeof({sql}) FROM t LIMIT 1").fetchone()[0]
                shown = f"({sql})" if kind == "DOUBLE" else f"CAST(({sql}) AS VARCHAR)"
                cells = [text(row[0]) for row in base.execute(f"SELECT {shown} FROM t ORDER BY id").fetchall()]
            except duckdb.Error as error:
                failed += 1
                print(f"{sql}: {error}", file=sys.stderr)
                continue
            file.write(json.dumps({"sql": sql, "type": kind, "cells": cells}, ensure_ascii=False) + "\n")
    print(f"{failed} expressions that DuckDB refuses", file=sys.stderr)


main()
