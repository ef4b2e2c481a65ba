"""The engines: which there are, what each can do, and the command that makes it do one task."""

import importlib
from pathlib import Path

from tasks import KEY, TIME

HERE = Path(__file__).parent
PEERS = tuple(sorted(path.stem for path in HERE.glob("peers/*.py") if path.stem != "sql"))
ENGINES = ("chunketl", *PEERS)

# Who says what is right: the first of these that finished.
REFERENCES = ("pandas_tuned", "pandas", "duckdb", "polars", "datafusion", "dask", "pyarrow", "chunketl")


def can(engine, task):
    return engine == "chunketl" or hasattr(peer(engine), task)


def peer(engine):
    """The module of a peer. It imports the peer's library only when it runs."""
    return importlib.import_module(f"peers.{engine}")


def has(engine, trait):
    """Whether a peer's module says that it is so: MANY_FILES, MANY_PROCESSES."""
    return engine != "chunketl" and getattr(peer(engine), trait, False)


def chunketl_command(binary, job, options=()):
    command = [str(binary), "--input", *job.inputs, "--out", job.out]
    command += ["--threads", str(job.threads), "--quiet"]
    for name, kind in job.shape.columns.items():
        command += ["--dtype", f"{name}={kind}"]
    if job.task == "etl":
        command += ["--config", str(HERE / "etl.toml")]
    if job.task == "features":
        command += ["--key", KEY, "--time", TIME]
        for name, how in job.shape.fits.items():
            command += ["--impute", f"{name}={how}"]
        for name, text in job.shape.constants.items():
            command += ["--impute", f"{name}=const:{text}"]
        for window in job.shape.windows:
            command += ["--rolling", ":".join(map(str, window))]
    return command + list(options)


def peer_command(python, engine, job_file):
    return [str(python), str(HERE / "worker.py"), engine, str(job_file)]
