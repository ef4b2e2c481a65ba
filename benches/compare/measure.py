"""Runs one command and measures it: time, processor time, memory.

The command runs pinned to given cores, as leader of a session of its own, and is killed with all
its children once it takes too long or too much memory.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Limits:
    cores: tuple
    seconds: float
    memory_bytes: int  # of all its processes together, mapped files not counted


@dataclass
class Measured:
    status: str  # "ok", "timeout", "memory" or "failed"
    seconds: float  # from start to end of the process
    cpu_seconds: float  # of the process and of its children that have ended
    peak_bytes: int  # resident, mapped files included
    stdout: str
    stderr: str


def measure(command, limits, log, many_processes=False):
    """Runs `command`; what it prints goes through files named `log`.out and `log`.err.

    The peak of a single process is the kernel's own figure. That of many is sampled: the sum of
    their proportional set sizes, so that shared pages count once.
    """
    out, err = Path(f"{log}.out"), Path(f"{log}.err")
    with out.open("wb") as out_file, err.open("wb") as err_file:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, limits.cores),
        )
        watch = Watch(process.pid, limits, many_processes)
        watch.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            watch.kill("interrupt")
            raise
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.stop()
    return Measured(
        status=watch.killed_for or ("ok" if process.returncode == 0 else "failed"),
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=watch.peak_bytes if many_processes else usage.ru_maxrss * 1024,
        stdout=out.read_text(errors="replace"),
        stderr=err.read_text(errors="replace"),
    )


class Watch(threading.Thread):
    """Looks at a session's memory and clock every now and then, and ends it if need be."""

    def __init__(self, leader, limits, sum_shares):
        super().__init__(daemon=True)
        self.leader, self.limits, self.sum_shares = leader, limits, sum_shares
        self.deadline = time.monotonic() + limits.seconds
        self.killed_for = None
        self.peak_bytes = 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(SAMPLE_SECONDS):
            tree = family(self.leader)
            if self.sum_shares:
                self.peak_bytes = max(self.peak_bytes, sum(map(proportional_bytes, tree)))
            if sum(map(own_bytes, tree)) > self.limits.memory_bytes:
                self.kill("memory")
            elif time.monotonic() > self.deadline:
                self.kill("timeout")

    def kill(self, reason):
        self.killed_for = self.killed_for or reason
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.killpg(self.leader, signal.SIGKILL)

    def stop(self):
        self.ended.set()
        self.join()
        if self.killed_for:
            self.kill(self.killed_for)  # children started meanwhile


def family(pid):
    """A process and all that descend from it."""
    members, at = [pid], 0
    while at < len(members):
        for task in Path(f"/proc/{members[at]}/task").glob("*/children"):
            members += map(int, read(task).split())
        at += 1
    return members


def own_bytes(pid):
    """Resident memory that no file backs."""
    return kilobytes(f"/proc/{pid}/status", ("RssAnon:", "RssShmem:"))


def proportional_bytes(pid):
    """Resident memory, mapped files included, pages shared by n processes counting as 1/n."""
    return kilobytes(f"/proc/{pid}/smaps_rollup", ("Pss:",))


def kilobytes(file, names):
    fields = (line.split() for line in read(file).splitlines())
    return sum(int(words[1]) * 1024 for words in fields if words[0] in names)


def read(file):
    """The text of a file of a process; nothing once that has ended."""
    try:
        return Path(file).read_text()
    except OSError:
        return ""
