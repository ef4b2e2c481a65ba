#!/usr/bin/env python3
"""Measures chunketl beside its peers on the same work: time, processor time, memory, size.

  run.py compare   chunketl and its peers, three tasks over several tables
  run.py scaling   chunketl alone: by threads, with and without compression
  run.py limits    chunketl alone: under memory limits
  run.py report    charts and tables from the results, without measuring anything

Everything it needs is made once under the work directory: a virtual environment of pinned peers,
the binaries, the tables. Each measurement adds to the results, or replaces what it measured again.
"""

import argparse
import os
import signal
import sys
from datetime import date
from pathlib import Path

import engines
import machine
import report
from bench import Bench, Case
from results import Results
from tables import Table, Tables, parse_bytes
from tasks import SHAPES, TASKS

TABLES = {
    "compare": "transactions:100MB transactions:1GB duplicates:100MB duplicates:1GB "
    "quotes:250MB floats:250MB narrow:250MB keys:250MB nulls:250MB hot:250MB",
    "scaling": "transactions:1GB duplicates:1GB",
    "limits": "transactions:1GB transactions:10GB duplicates:1GB",
}
MEMORY_LIMITS = ("64MiB", "128MiB", "256MiB", "1GiB")


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or what runs would outlive this
    results = Results(arguments.results)
    python = arguments.python or machine.environment(arguments.work / "venv")
    fine = arguments.command == "report" or measure(arguments, results, python)
    report.write(results, python)
    return 0 if fine else 1


def measure(arguments, results, python):
    """Measures what is asked for; tells whether all peers did as they should."""
    chunketl, gen = arguments.chunketl, arguments.gen
    if not (chunketl and gen):
        built = machine.build()
        chunketl, gen = chunketl or built[0], gen or built[1]
    bench = Bench(
        chunketl=chunketl,
        python=python,
        tables=Tables(arguments.work / "tables", gen),
        work=arguments.work,
        rounds=arguments.rounds,
        warm_up=not arguments.no_warm_up,
        seconds_max=arguments.timeout,
        memory_max=arguments.memory,
    )
    versions = machine.versions(chunketl, python, engines.PEERS)
    made = {"date": date.today().isoformat(), "revision": machine.revision()}
    fine = True
    for task, table in tasks_over_tables(arguments):
        cases = CASES[arguments.command](arguments, task, table)
        if not cases:
            continue
        entries = [
            entry | made | {"version": versions[entry["engine"]]} for entry in bench.measure(cases)
        ]
        results.merge(machine.describe(), entries)
        print(report.section(entries), flush=True)
        fine &= not any(map(is_wrong, entries))
    return fine


def tasks_over_tables(arguments):
    """Each table with each of the tasks that it is made for."""
    pairs = [
        (task, table)
        for table in arguments.tables
        for task in arguments.tasks
        if task in SHAPES[table.shape_name].tasks
    ]
    if not pairs:
        made_for = (f"{name} ({', '.join(shape.tasks)})" for name, shape in SHAPES.items())
        raise SystemExit(f"none of the tables is made for such a task: {'; '.join(made_for)}")
    return pairs


def is_wrong(entry):
    """Whether an engine failed or answered wrongly. Too little time or memory is no fault."""
    if entry["status"] == "ok":
        return entry["answer"]["differs"] > 0
    return entry["status"] == "failed" and entry["part"] != "limits"


def compare_cases(arguments, task, table):
    able = [engine for engine in arguments.engines if engines.can(engine, task)]
    return [Case("compare", engine, task, table, arguments.threads) for engine in able]


def scaling_cases(arguments, task, table):
    cores = len(os.sched_getaffinity(0))
    counts = [2**power for power in range(10) if 2**power < cores] + [cores]
    return [
        Case("scaling", "chunketl", task, table, count, ("--compression", codec))
        for codec in ("zstd:1", "none")
        for count in counts
    ]


def limits_cases(arguments, task, table):
    return [
        Case("limits", "chunketl", task, table, arguments.threads, ("--memory-limit", limit))
        for limit in MEMORY_LIMITS
    ]


CASES = {"compare": compare_cases, "scaling": scaling_cases, "limits": limits_cases}


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in (*CASES, "report"):
        command = commands.add_parser(name)
        add_places(command)
        if name != "report":
            add_measuring(command, name)
    return parser.parse_args()


def absolute(text):
    return Path(text).resolve()


def add_places(command):
    option = command.add_argument
    option(
        "--work",
        type=absolute,
        default=machine.ROOT / "target/compare",
        help="for all that is made",
    )
    option("--results", type=absolute, default=machine.HERE / "results", help="figures and charts")
    option("--python", type=Path, help="one with the peers, instead of making an environment")


def add_measuring(command, name):
    option = command.add_argument
    option(
        "tables",
        nargs="*",
        type=Table.parse,
        metavar="SHAPE:SIZE",
        default=[Table.parse(text) for text in TABLES[name].split()],
        help=f"tables to measure on [default: {TABLES[name]}]",
    )
    option("--tasks", nargs="+", choices=TASKS, default=TASKS)
    if name == "compare":
        option("--engines", nargs="+", choices=engines.ENGINES, default=engines.ENGINES)
    if name != "scaling":
        option("--threads", type=int, default=2, help="and cores, for each engine [default: 2]")
    option("--rounds", type=int, default=5, help="timed runs of each case [default: 5]")
    option("--no-warm-up", action="store_true", help="time the first round too")
    option("--timeout", type=float, default=1800, help="seconds a run may take [default: 1800]")
    option(
        "--memory",
        type=parse_bytes,
        default=round(0.75 * machine.memory_bytes()),
        help="most memory a run may take [default: three quarters of the machine's]",
    )
    option("--chunketl", type=Path, help="a binary, instead of building it")
    option("--gen", type=Path, help="likewise")


if __name__ == "__main__":
    sys.exit(main())
