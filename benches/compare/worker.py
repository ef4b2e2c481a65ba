"""Runs one task of one peer, in a process of its own: `worker.py PEER JOB.json`.

Prints what the task alone took, as one line of JSON: a peer is not charged for the start of Python,
the import of its library or, where it has one, the start of its cluster.
"""

import importlib
import json
import resource
import sys
import time
from pathlib import Path

from tasks import Job


def main(peer, job_file):
    job = Job(**json.loads(Path(job_file).read_text()))
    module = importlib.import_module(f"peers.{peer}")
    with module.session(job) as session:
        cpu_before, start = cpu_seconds(), time.perf_counter()
        getattr(module, job.task)(session, job)
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "cpu_seconds_before": cpu_before}))


def cpu_seconds():
    """What this process has used, and its children that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main(*sys.argv[1:])
