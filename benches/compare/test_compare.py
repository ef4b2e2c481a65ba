"""Tests of what the figures rest on: the comparison of answers, and the limits of a run."""

import os
import sys
import tempfile
import unittest
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from check import check
from measure import Limits, measure
from tasks import ADDED, KEY, MAIN_SHAPES, SHAPES, SUMMARIES, TASKS, TIME, Shape, summary_file

SHAPE = Shape(
    columns={KEY: "int64", TIME: "timestamp", "x": "float64", "text": "utf8"},
    fits={},
    constants={},
    windows=(("x", "sum", "1d"),),
)


class Answers(unittest.TestCase):
    def checked(self, changes=(), parts=1):
        """How an answer compares to one of four rows, some (column, row, value) of it changed."""
        rows = {
            KEY: [1, 2, 1, 1],
            TIME: [datetime(2024, 1, 1), *[datetime(2024, 1, 2)] * 3],
            "x": [0.5, None, 1.0, 2.0],
            "text": ["", None, "é", "b"],
            "x_sum_1d": [0.5, None, 1.0, 3.0],
        }
        with tempfile.TemporaryDirectory() as directory:
            wanted, got = Path(directory, "wanted"), Path(directory, "got")
            wanted.mkdir()
            got.mkdir()
            pq.write_table(pa.table(rows), wanted / "all.parquet")
            for column, row, value in changes:
                rows[column][row] = value
            table = pa.table(rows)
            for part in range(parts):
                pq.write_table(table.slice(part * 4 // parts, 4 // parts), got / f"{part}.parquet")
            told = check(wanted, got, SHAPE, "features")
        return told["differs"], told["tied"]

    def test_equal_in_any_number_of_files(self):
        for parts in (1, 2, 4):
            self.assertEqual(self.checked(parts=parts), (0, 0))

    def test_every_kind_of_difference_counts(self):
        nulls = [("x", 0, None), ("x", 1, 0.0), ("text", 0, None), ("text", 1, "")]
        for change in [("x", 0, 0.6), ("text", 2, "e"), (KEY, 0, 2), *nulls]:
            self.assertEqual(self.checked([change]), (1, 0), change)
        self.assertEqual(self.checked([("x", 0, 0.6), ("text", 0, "a"), (KEY, 3, 2)]), (2, 0))

    def test_floats_may_round_otherwise(self):
        self.assertEqual(self.checked([("x", 0, 0.5 + 1e-10)]), (0, 0))

    def test_a_sum_may_hold_a_later_row_of_the_same_time(self):
        self.assertEqual(self.checked([("x_sum_1d", 2, 3.0)]), (0, 1))
        self.assertEqual(self.checked([("x_sum_1d", 3, 4.0)]), (1, 0), "the last has no later row")


class Tables(unittest.TestCase):
    """The tables of `etl`: of one region and of rows without one, each of one month."""

    def checked(self, table=None, changes=()):
        """How an answer compares to another one whose rows of a table stand in another order, with
        some (column, value in each row) changed."""
        regions = {
            "region": ["East", None],
            "revenue": [1e9, None],
            "average": [0.5, None],
            "n": [3, 1],
            "customers": [2, 1],
        }
        months = {
            "product_category": ["Toys", "Toys"],
            "month": [1, 2],
            "revenue": [0.25, 1e-12],
            "p95": [0.2, 0.0],
        }
        tables = {"region": regions, "category_by_month": months}
        self.assertEqual(set(tables), set(SUMMARIES))
        with tempfile.TemporaryDirectory() as directory:
            answers = Path(directory, "wanted"), Path(directory, "got")
            for answer in answers:
                (answer / "_aggregates").mkdir(parents=True)
                rows = {name: pa.nulls(0) for name in [*SHAPES["duplicates"].columns, *ADDED]}
                pq.write_table(pa.table(rows), answer / "all.parquet")
                for name, columns in tables.items():
                    if answer == answers[1] and name == table:
                        columns = {key: cells[::-1] for key, cells in columns.items()}
                        columns |= dict(changes)
                    pq.write_table(pa.table(columns), summary_file(answer, name))
            told = check(*answers, SHAPES["duplicates"], "etl")
        return told["differs"], told["first"]

    def test_equal_in_any_order_of_groups(self):
        self.assertEqual(self.checked(), (0, None))
        for name in SUMMARIES:
            self.assertEqual(self.checked(name), (0, None))
        self.assertEqual(self.checked("region", [("revenue", [None, 1e9 + 1e-3])]), (0, None))

    def test_every_kind_of_difference_counts(self):
        for change, wanted in [
            (("revenue", [None, 1e9 + 10]), 1),
            (("revenue", [0.0, 1e9]), 1),
            (("customers", [1, 3]), 1),
            (("customers", [2, 1]), 2),
            (("region", [None, "West"]), 1),
            (("region", ["", "East"]), 2),
        ]:
            differs, first = self.checked("region", [change])
            self.assertEqual(differs, wanted, change)
            self.assertIn("region, row", first)
        self.assertEqual(self.checked("category_by_month", [("p95", [0.0, 0.3])])[0], 1)

    def test_groups_that_are_missing_count(self):
        short = [(name, [1.0]) for name in ("revenue", "p95")]
        short += [("product_category", ["Toys"]), ("month", [1])]
        differs, first = self.checked("category_by_month", short)
        self.assertEqual((differs, first), (2, "category_by_month, wanted 2 groups, got 1"))


class Tasks(unittest.TestCase):
    def test_every_task_has_tables_and_every_table_a_task(self):
        made = {task for shape in SHAPES.values() for task in shape.tasks}
        self.assertEqual(made, set(TASKS))
        for task, name in MAIN_SHAPES.items():
            self.assertIn(task, SHAPES[name].tasks)
        self.assertEqual(set(MAIN_SHAPES), set(TASKS))


class Runs(unittest.TestCase):
    def run_of(self, program, many=False):
        cores = tuple(os.sched_getaffinity(0))
        limits = Limits(cores, seconds=2, memory_bytes=200_000_000)
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory, "log")
            return measure([sys.executable, "-c", program], limits, log, many_processes=many)

    def test_what_a_run_takes(self):
        program = "print('said'); held = bytearray(b'x') * 10**8; sum(range(10**7))"
        run = self.run_of(program)
        self.assertEqual((run.status, run.stdout), ("ok", "said\n"))
        self.assertTrue(0 < run.cpu_seconds < 2 * run.seconds)
        self.assertGreater(run.peak_bytes, 10**8)

    def test_what_ends_a_run(self):
        self.assertEqual(self.run_of("raise SystemExit(3)").status, "failed")
        self.assertEqual(self.run_of("import time; time.sleep(9)").status, "timeout")
        hungry = "import time; held = bytearray(b'x') * 300_000_000; time.sleep(9)"
        self.assertEqual(self.run_of(hungry).status, "memory")
        child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hungry!r}])"
        self.assertEqual(self.run_of(child, many=True).status, "memory")


if __name__ == "__main__":
    unittest.main()
