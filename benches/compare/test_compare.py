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
from tasks import KEY, TIME, Shape

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
