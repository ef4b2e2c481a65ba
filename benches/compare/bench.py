"""Runs cases side by side: in rounds, so that what else the machine does meets all alike; each in a
process of its own, on the same cores; and compares their answers before it believes their times."""

import dataclasses
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import engines
import report
from measure import Limits, measure
from tables import Table
from tasks import Job

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One thing to measure."""

    part: str  # "compare", "scaling" or "limits"
    engine: str
    task: str
    table: Table
    threads: int
    options: tuple = ()  # further ones of chunketl


@dataclass
class Run:
    """A measured run. `seconds` and `cpu_seconds` leave out what a peer needs before it begins."""

    status: str
    process_seconds: float
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output_bytes: int
    reason: str  # why it did not end well

    def __str__(self):
        if self.status != "ok":
            return self.reason
        memory = f"{self.peak_bytes / 2**20:,.0f} MiB"
        return f"{self.seconds:.2f} s, {self.cpu_seconds:.2f} CPU s, {memory}"


class Bench:
    def __init__(self, *, chunketl, python, tables, work, rounds, warm_up, seconds_max, memory_max):
        self.chunketl, self.python, self.tables = chunketl, python, tables
        self.outputs, self.logs, self.temp = (work / name for name in ("out", "logs", "temp"))
        self.rounds, self.warm_up = rounds, int(warm_up)
        self.seconds_max, self.memory_max = seconds_max, memory_max

    def measure(self, cases):
        """An entry of the results for each case; all are of one task over one table."""
        for directory in (self.outputs, self.logs, self.temp):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
        runs = {case: [] for case in cases}
        answers = {}
        for index in range(self.warm_up + self.rounds):
            first = index % len(cases)
            for case in cases[first:] + cases[:first]:
                if all(run.status == "ok" for run in runs[case]):
                    runs[case].append(self.run(case, keep=index == 0))
                    say(f"{describe(case)}: {runs[case][-1]}")
            if index == 0:
                finished = [case for case in cases if runs[case][0].status == "ok"]
                answers = self.compare_answers(finished)
        return [self.entry(case, runs[case], answers.get(case)) for case in cases]

    def run(self, case, keep):
        """Runs a case once. Its answer stays to be compared if it is to be kept."""
        name = file_name(case)
        out = self.outputs / name
        job_file = self.logs / f"{name}.json"
        job = self.job(case, out)
        job_file.write_text(json.dumps(dataclasses.asdict(job)))
        if case.engine != "chunketl":
            (out / "_aggregates").mkdir(parents=True)
        cores = tuple(sorted(os.sched_getaffinity(0))[: case.threads])
        for path in job.inputs:
            read_through(path)
        measured = measure(
            self.command(case, job_file),
            Limits(cores, self.seconds_max, self.memory_max),
            self.logs / name,
            many_processes=engines.has(case.engine, "MANY_PROCESSES"),
        )
        run = Run(
            measured.status,
            measured.seconds,
            measured.seconds,
            measured.cpu_seconds,
            measured.peak_bytes,
            output_bytes=sum(file.stat().st_size for file in out.glob("*.parquet")),
            reason=self.reason(measured),
        )
        if run.status == "ok" and case.engine != "chunketl":
            told = json.loads(measured.stdout.splitlines()[-1])
            run.seconds = told["seconds"]
            run.cpu_seconds -= told["cpu_seconds_before"]
        if run.status != "ok" or not keep:
            shutil.rmtree(out, ignore_errors=True)
        for left_over in self.temp.iterdir():
            shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink()
        return run

    def reason(self, measured):
        last_line = (measured.stderr.strip().splitlines() or ["no word"])[-1]
        reasons = {
            "ok": "",
            "timeout": f"over {self.seconds_max:,.0f} s",
            "memory": f"over {self.memory_max / 2**30:.1f} GiB",
            "failed": f"fails: {last_line[:200]}".replace("|", "/"),
        }
        return reasons[measured.status]

    def job(self, case, out):
        parts = engines.has(case.engine, "MANY_FILES")
        inputs = self.tables.parts(case.table) if parts else [self.tables.file(case.table)]
        return Job(
            case.task,
            case.table.shape_name,
            [str(path) for path in inputs],
            str(out),
            case.threads,
            # What an engine is told; the process may take a little more.
            round(0.8 * self.memory_max),
            str(self.temp),
        )

    def command(self, case, job_file):
        if case.engine == "chunketl":
            job = Job(**json.loads(job_file.read_text()))
            return engines.chunketl_command(self.chunketl, job, case.options)
        return engines.peer_command(self.python, case.engine, job_file)

    def compare_answers(self, cases):
        """How each answer differs from that of the most trusted engine; then removes them all."""
        by_trust = sorted(cases, key=lambda case: engines.REFERENCES.index(case.engine))
        answers = {case: {"differs": 0, "tied": 0} for case in by_trust[:1]}
        for case in by_trust[1:]:
            reference = file_name(by_trust[0])
            command = [self.python, HERE / "check.py", self.outputs / reference]
            command += [self.outputs / file_name(case), self.logs / f"{reference}.json"]
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            answers[case] = json.loads(told)
            say(f"{describe(case)}: answer {report.answer(answers[case])}")
        shutil.rmtree(self.outputs)
        self.outputs.mkdir()
        return answers

    def entry(self, case, runs, answer):
        """What the results keep of a case: of the runs that count, or of the one that failed."""
        counted = runs[self.warm_up :] if runs[-1].status == "ok" else runs[-1:]
        job_file = self.logs / f"{file_name(case)}.json"
        words = map(str, self.command(case, job_file))
        command = [Path(word).name if word.startswith("/") else word for word in words]
        return {
            "part": case.part,
            "engine": case.engine,
            "task": case.task,
            "table": str(case.table),
            "threads": case.threads,
            "options": list(case.options),
            "rows": self.tables.rows(case.table),
            "input_bytes": self.tables.file(case.table).stat().st_size,
            "status": runs[-1].status,
            "reason": runs[-1].reason,
            "process_seconds": [round(run.process_seconds, 4) for run in counted],
            "seconds": [round(run.seconds, 4) for run in counted],
            "cpu_seconds": [round(run.cpu_seconds, 4) for run in counted],
            "peak_bytes": [run.peak_bytes for run in counted],
            "output_bytes": counted[-1].output_bytes,
            "answer": answer,
            "command": shlex.join(command),
        }


def read_through(path):
    """Brings a file into the page cache, as far as it fits."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def file_name(case):
    words = [case.part, case.engine, case.task, case.table, case.threads, *case.options]
    return "-".join(str(word).strip("-").replace(":", "-") for word in words)


def describe(case):
    words = [case.task, case.table, case.engine, f"with {case.threads} threads", *case.options]
    return " ".join(map(str, words))


def say(line):
    print(line, file=sys.stderr, flush=True)
