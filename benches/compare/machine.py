"""What is needed before anything is measured: binaries, an environment for the peers, and a
description of the machine that the figures hold for."""

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def build():
    """Builds chunketl and gen; gives their paths."""
    command = ["cargo", "build", "--release", "--workspace", "--bins"]
    subprocess.run(command, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release/chunketl", target / "release/gen"


def environment(directory):
    """Makes a virtual environment with the pinned peers, once; gives its Python."""
    python, requirements = directory / "bin/python", HERE / "requirements.txt"
    installed = directory / "installed.txt"
    if not installed.exists() or installed.read_text() != requirements.read_text():
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", requirements], check=True)
        installed.write_text(requirements.read_text())
    return python


def describe():
    """The machine, as far as it decides the figures."""
    return {
        "processor": field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def memory_bytes():
    return int(field("/proc/meminfo", "MemTotal").split()[0]) * 1024


def versions(chunketl, python, peers):
    """The engines' versions."""
    program = (
        "import importlib.metadata, sys; print(*map(importlib.metadata.version, sys.argv[1:]))"
    )
    said = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        for command in (
            [chunketl, "--version"],
            [python, "-c", program, *(peer.removesuffix("_tuned") for peer in peers)],
        )
    ]
    return {"chunketl": said[0][-1]} | dict(zip(peers, said[1]))


def revision():
    """The commit the figures hold for, with a + if files have changed since that measuring does not
    write itself."""

    def git(*words):
        said = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
        return said.stdout.strip()

    written = (":!README.md", ":!benches/compare/results")
    changed = git("status", "--porcelain", "--", ".", *written)
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def field(file, name):
    """A field of a file of `name: value` lines."""
    for line in Path(file).read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return None
