"""Results in, Markdown out: what is printed after measuring, and what stands in the READMEs."""

import subprocess
from statistics import median

import machine
from tables import parse_bytes
from tasks import MAIN_SHAPES, SHAPES, TASKS

NAMES = {
    "chunketl": "chunketl",
    "dask": "Dask",
    "datafusion": "DataFusion",
    "duckdb": "DuckDB",
    "pandas": "pandas",
    "pandas_tuned": "pandas, tuned",
    "polars": "Polars",
    "pyarrow": "PyArrow",
}
PARTS = {
    "compare": "chunketl and its peers",
    "scaling": "chunketl by threads and compression",
    "limits": "chunketl under memory limits",
}
CHARTS = ("engines", "shapes", "sizes", "scaling", "limits")
REGION = ("<!-- compare:begin -->", "<!-- compare:end -->")


def write(results, python):
    """Draws the charts; fills the results' README and, for the results that are committed, the
    project's own."""
    if not results.entries():
        return
    charts = machine.HERE / "charts.py"
    subprocess.run([python, charts, results.directory], check=True)
    (results.directory / "README.md").write_text(everything(results))
    if results.directory == machine.HERE / "results":
        fill(machine.ROOT / "README.md", summary(results))


def fill(file, text):
    """Puts `text` into the marked region of a file."""
    before, begin, rest = file.read_text().partition(REGION[0])
    _, end, after = rest.partition(REGION[1])
    file.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def summary(results):
    """The machine, all figures of the main table, and how engines compare on the others."""
    folder = "benches/compare/results"
    parts = [about(results), *map(section, main_groups(results))]
    parts += [f"![Time and memory]({folder}/engines.svg)"]
    parts += ["Time of each engine on other tables, as a multiple of chunketl's:"]
    parts += [brief(results, task) for task in TASKS]
    parts += [f"[All figures]({folder}/README.md), also by threads and under memory limits."]
    return "\n\n".join(filter(None, parts))


def everything(results):
    parts = ["# Figures", about(results)]
    parts += [f"![]({name}.svg)" for name in CHARTS if (results.directory / f"{name}.svg").exists()]
    for part, title in PARTS.items():
        groups = grouped(results, part)
        parts += [f"## {title}"] * bool(groups) + [section(entries) for entries in groups]
    return "\n\n".join(parts) + "\n"


def about(results):
    """The machine, the engines, the state of the project."""
    told = results.machine
    newest = {entry["engine"]: entry["version"] for entry in results.entries()}
    versions = ", ".join(f"{NAMES[engine]} {newest[engine]}" for engine in sorted(newest))
    revisions = ", ".join(sorted({entry["revision"] for entry in results.entries()}))
    dates = sorted({entry["date"] for entry in results.entries()})
    return (
        f"{told['processor']}, {told['cores']} cores, {told['memory_bytes'] / 2**30:.0f} GiB, "
        f"{told['system']}. {versions}. Commit {revisions}, {' to '.join({dates[0], dates[-1]})}."
    )


def grouped(results, part):
    """The entries of a part that belong into one table, task by task and table by table."""
    groups = {}
    for entry in results.entries(part=part):
        threads = entry["threads"] if part == "compare" else None
        key = TASKS.index(entry["task"]), table_order(entry["table"]), threads
        groups.setdefault(key, []).append(entry)
    return [groups[key] for key in sorted(groups)]


def table_order(table):
    shape_name, size = table.split(":")
    return list(SHAPES).index(shape_name), parse_bytes(size)


def main_groups(results):
    """The groups of each task's main shape that most engines finished; of those, the largest."""
    main = {}
    for entries in grouped(results, "compare"):  # from small to large
        task, table = entries[0]["task"], entries[0]["table"]
        finished = sum(entry["status"] == "ok" for entry in entries)
        is_main = table.startswith(f"{MAIN_SHAPES[task]}:")
        if is_main and finished >= main.get(task, (0,))[0]:
            main[task] = finished, entries
    return [entries for _, entries in main.values()]


def section(entries):
    """One task over one table: a title, and a row for each engine or option."""
    first = entries[0]
    shape_name, size = first["table"].split(":")
    title = f"**{first['task']}** of {shape_name}, {size} ({first['rows']:,} rows)"
    figures = ["seconds", "min to max", "CPU s", "MB/s", "peak memory", "output"]
    if first["part"] == "scaling":
        head = ["threads", "compression", *figures]
        in_order = sorted(entries, key=lambda entry: (entry["options"][1], entry["threads"]))
        rows = [[entry["threads"], entry["options"][1], *measured(entry)] for entry in in_order]
    elif first["part"] == "limits":
        head = ["limit", *figures]
        in_order = sorted(entries, key=lambda entry: parse_bytes(entry["options"][1]))
        rows = [[entry["options"][1], *measured(entry)] for entry in in_order]
    else:
        title += f" with {first['threads']} threads"
        head = ["engine", *figures, "time ratio", "answer"]
        base = own_seconds(entries)
        in_order = sorted(entries, key=lambda entry: (entry["status"] != "ok", seconds(entry)))
        rows = [
            [NAMES[entry["engine"]], *measured(entry), ratio(entry, base), answer(entry["answer"])]
            for entry in in_order
        ]
    return f"{title}\n\n{markdown(head, rows)}"


def brief(results, task):
    """How long each engine takes on each table, as a multiple of chunketl's time."""
    groups = [entries for entries in grouped(results, "compare") if entries[0]["task"] == task]
    engines = sorted({entry["engine"] for entries in groups for entry in entries} - {"chunketl"})
    rows = []
    for entries in groups:
        of = {entry["engine"]: entry for entry in entries}
        base = own_seconds(entries)
        if base:
            others = [ratio(of[engine], base) if engine in of else "" for engine in engines]
            table = entries[0]["table"].replace(":", ", ")
            rows.append([table, f"{base:.2f} s", *others])
    if not rows:
        return ""
    return markdown([task, "chunketl", *(NAMES[engine] for engine in engines)], rows)


def measured(entry):
    """The figures of an entry, as text."""
    if entry["status"] != "ok":
        return [entry["reason"], "", "", "", memory(entry), ""]
    times = entry["seconds"]
    return [
        f"{seconds(entry):.2f}",
        f"{min(times):.2f} to {max(times):.2f}",
        f"{median(entry['cpu_seconds']):.2f}",
        f"{entry['input_bytes'] / seconds(entry) / 1e6:,.0f}",
        memory(entry),
        f"{entry['output_bytes'] / 1e6:,.1f} MB",
    ]


def seconds(entry):
    return median(entry["seconds"])


def memory(entry):
    return f"{max(entry['peak_bytes']) / 2**20:,.0f} MiB"


def own_seconds(entries):
    """The time of chunketl, by which the others' are divided."""
    own = [e for e in entries if e["engine"] == "chunketl" and e["status"] == "ok"]
    return seconds(own[0]) if own else None


def ratio(entry, base):
    if entry["status"] != "ok":
        return brief_reason(entry)
    return f"{seconds(entry) / base:.1f}×" if base else ""


def brief_reason(entry):
    return entry["reason"].partition(":")[0]


def answer(told):
    if not told:
        return ""
    if told["differs"]:
        return f"differs: {told['differs']:,} rows ({told['first']})"
    if told["tied"]:
        return f"equal, but for {told['tied']:,} tied rows"
    return "equal"


def markdown(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
