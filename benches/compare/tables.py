"""The tables that are compared on: gen makes each once, and it is kept in the work directory."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tasks import SHAPES

UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}

# How large the files are that a peer gets which reads many of them, one at a time and thread.
PART_BYTES = 64_000_000
PARTS_MIN = 4

# As many rows a day in a small table as in a large one: a day is what windows of time hold. Tables
# for other tasks have a year, or days of a row a minute.
BYTES_PER_DAY = 1_000_000_000 / 366


def parse_bytes(text):
    """`250MB`, `1GB`, `512MiB` or `1.5G` as a number of bytes."""
    match = re.fullmatch(r"([\d.]+) ?([kMG]i?|)B?", text)
    if not match:
        raise ValueError(f"{text!r} is no size such as 250MB or 1GiB")
    return round(float(match[1]) * UNITS[match[2]])


@dataclass(frozen=True)
class Table:
    """A shape of a size."""

    shape_name: str
    size: str

    @classmethod
    def parse(cls, text):
        """`transactions:1GB`."""
        shape_name, _, size = text.partition(":")
        if shape_name not in SHAPES:
            raise ValueError(f"no shape {shape_name!r}: there are {', '.join(SHAPES)}")
        parse_bytes(size)
        return cls(shape_name, size)

    def __str__(self):
        return f"{self.shape_name}:{self.size}"


class Tables:
    """Makes tables in a directory, those that are not there yet."""

    def __init__(self, directory, gen):
        self.directory, self.gen = Path(directory), gen
        self.directory.mkdir(parents=True, exist_ok=True)

    def file(self, table):
        """The table as one file."""
        path = self._path(table, "csv")
        if not path.exists():
            truth = self._path(table, "json")
            self._generate(table, path, "--size", str(parse_bytes(table.size)), "--truth", truth)
        return path

    def rows(self, table):
        self.file(table)
        return json.loads(self._path(table, "json").read_text())["rows"]

    def parts(self, table):
        """The same rows as many files."""
        directory = self._path(table, "parts")
        if not directory.exists():
            count = max(PARTS_MIN, round(parse_bytes(table.size) / PART_BYTES))
            rows = str(self.rows(table))
            self._generate(table, directory, "--rows", rows, "--files", str(count))
        return sorted(directory.glob("*.csv"))

    def _path(self, table, suffix):
        return self.directory / f"{table.shape_name}-{table.size}.{suffix}"

    def _generate(self, table, path, *options):
        """Clean values, empty cells, times that rise but for repeated rows. Appears at once, when
        it is whole."""
        unfinished = path.with_name(f"unfinished-{path.name}")
        if path.suffix == ".parts":
            unfinished.mkdir(exist_ok=True)
        shape = SHAPES[table.shape_name]
        made_as = shape.made_as or table.shape_name
        command = [self.gen, "--shape", made_as, "--out", unfinished, "--quiet", *options]
        command += ["--clean", "--clean-time", "--missing", shape.missing, "--missing-as", "empty"]
        command += ["--duplicates", shape.repeated, "--duplicates-within", "1M"]
        if "features" in shape.tasks:
            days = max(1, round(parse_bytes(table.size) / BYTES_PER_DAY))
            command += ["--days", str(days)]
        subprocess.run(command, check=True)
        unfinished.rename(path)
