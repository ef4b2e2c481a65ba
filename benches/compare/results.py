"""The results: one JSON file that holds the newest entry of each case, whoever measured it when."""

import json
from pathlib import Path

IDENTITY = ("part", "engine", "task", "table", "threads", "options")


class Results:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.file = self.directory / "results.json"
        self.content = {"machine": {}, "entries": []}
        if self.file.exists():
            self.content = json.loads(self.file.read_text())

    @property
    def machine(self):
        return self.content["machine"]

    def entries(self, **wanted):
        """The entries whose fields are as wanted."""
        return [
            entry
            for entry in self.content["entries"]
            if all(entry[name] == value for name, value in wanted.items())
        ]

    def merge(self, machine, entries):
        """Adds entries, in place of those of the same cases, and writes the file."""
        if self.machine not in ({}, machine):
            raise SystemExit(
                f"{self.file} holds figures of another machine ({self.machine}); "
                "give another directory with --results"
            )
        merged = {identity(entry): entry for entry in self.content["entries"] + entries}
        self.content = {"machine": machine, "entries": [merged[key] for key in sorted(merged)]}
        self.directory.mkdir(parents=True, exist_ok=True)
        lines = ",\n".join(json.dumps(entry) for entry in self.content["entries"])
        told = f'{{"machine": {json.dumps(machine)},\n"entries": [\n{lines}\n]}}\n'
        self.file.write_text(told)


def identity(entry):
    return tuple(str(entry[name]) for name in IDENTITY)
