"""Draws the results as SVG: `charts.py DIRECTORY`.

Legible on light and dark pages: no background, grey text, colours that colour-blind eyes tell apart
(Okabe and Ito's, a little darker where they are pale).
"""

import sys
from pathlib import Path

from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

import report
from results import Results
from tables import parse_bytes
from tasks import MAIN_SHAPES, TASKS

COLOURS = {
    "chunketl": "#d55e00",
    "duckdb": "#c79a00",
    "polars": "#0072b2",
    "datafusion": "#009e73",
    "pyarrow": "#8c6bb1",
    "pandas": "#cc79a7",
    "pandas_tuned": "#8a4a6c",
    "dask": "#56b4e9",
}
MARKERS = dict(zip(COLOURS, "osD^vPpX"))
GREY = "#7b828a"
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "chunketl",  # the same figures give the same bytes
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": GREY,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
MEBI = 2**20


def main(directory):
    results = Results(directory)
    pyplot.rcParams.update(STYLE)
    for name in report.CHARTS:
        figure = globals()[name](results)
        if figure:
            path = Path(directory, f"{name}.svg")
            figure.savefig(path, transparent=True, metadata={"Date": None})
            pyplot.close(figure)


def engines(results):
    """Time and memory of all engines on the main table, a row of bars for each task."""
    groups = report.main_groups(results)
    if not groups:
        return None
    heights = [len(entries) + 1 for entries in groups]
    figure, rows = pyplot.subplots(
        len(groups),
        2,
        figsize=(9, 0.36 * sum(heights)),
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )
    for (left, right), entries in zip(rows, groups):
        entries = sorted(entries, key=lambda e: (e["status"] == "ok", -report.seconds(e)))
        bars(left, entries, report.seconds, "{:.2f} s")
        bars(right, entries, peak, "{:,.0f} MiB")
        right.set_yticklabels([])
        left.set_title(f"{entries[0]['task']} of {title(entries[0])}: time")
        right.set_title("peak memory")
    return figure


def shapes(results):
    """How many times as long as chunketl each peer takes, table by table."""
    tables = tables_by_task(results.entries(part="compare"))
    tasks = [task for task in TASKS if len(set(map(shape_name, tables[task]))) > 1]
    if not tasks:
        return None
    rows = len(set.union(*(tables[task] for task in tasks)))
    figure, panels = pyplot.subplots(
        1, len(tasks), figsize=(9, 1.6 + 0.25 * rows), squeeze=False, sharey=True
    )
    for axes, task in zip(panels[0], tasks):
        groups = [g for g in report.grouped(results, "compare") if g[0]["task"] == task]
        for entries in reversed(groups):
            base = report.own_seconds(entries)
            for entry in fine(entries) if base else []:
                line(axes, [report.seconds(entry) / base], [title(entry)], entry["engine"])
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        numbers(axes.xaxis, "{:g}×")
        axes.set_title(f"{task}: time over chunketl's")
    return legend(figure)


def sizes(results):
    """Time per gigabyte and memory, against the size of the input."""
    entries = results.entries(part="compare")
    entries = [e for e in entries if shape_name(e["table"]) == MAIN_SHAPES[e["task"]]]
    tables = tables_by_task(entries)
    tasks = [task for task in TASKS if len(tables[task]) > 1]
    if not tasks:
        return None
    figure, panels = pyplot.subplots(
        2, len(tasks), figsize=(4.5 * len(tasks), 6), squeeze=False, sharex=True
    )
    for column, task in zip(panels.T, tasks):
        titles = ("seconds per GB", "MiB at peak")
        for axes, figure_of, what in zip(column, (per_gigabyte, peak), titles):
            for engine in COLOURS:
                mine = [e for e in fine(entries) if (e["engine"], e["task"]) == (engine, task)]
                mine.sort(key=gigabytes)
                line(axes, list(map(gigabytes, mine)), list(map(figure_of, mine)), engine, "-")
            axes.set_xscale("log")
            axes.set_yscale("log")
            # Tables of a size differ by some bytes.
            axes.set_xticks(sorted({float(f"{gigabytes(entry):.2g}") for entry in entries}))
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            numbers(axes.xaxis, "{:.2g} GB")
            numbers(axes.yaxis, "{:,g}")
            axes.set_title(f"{task}: {what}")
    return legend(figure)


def scaling(results):
    """Throughput by threads, with and without compression."""
    groups = report.grouped(results, "scaling")
    if not groups:
        return None
    figure, panels = pyplot.subplots(1, len(groups), figsize=(9, 3), squeeze=False)
    for axes, entries in zip(panels[0], groups):
        for codec, dashes in (("zstd:1", "-"), ("none", "--")):
            mine = [e for e in fine(entries) if e["options"][1] == codec]
            threads = [entry["threads"] for entry in mine]
            speeds = [gigabytes(entry) * 1000 / report.seconds(entry) for entry in mine]
            line(axes, threads, speeds, "chunketl", dashes, codec)
        axes.set_ylim(bottom=0)
        axes.set_xticks(sorted({entry["threads"] for entry in entries}))
        axes.set_xlabel("threads")
        axes.set_title(f"{entries[0]['task']} of {title(entries[0])}: MB/s")
    return legend(figure)


def limits(results):
    """Peak memory against the limit, which is the diagonal."""
    entries = fine(results.entries(part="limits"))
    if not entries:
        return None
    of_task = tables_by_task(entries)
    tasks = [task for task in TASKS if of_task[task]]
    figure, panels = pyplot.subplots(
        1, len(tasks), figsize=(4.5 * len(tasks), 3.2), squeeze=False, sharey=True
    )
    tables = sorted(set.union(*of_task.values()), key=report.table_order)
    for axes, task in zip(panels[0], tasks):
        for table, marker in zip(tables, "os^D"):
            mine = [e for e in entries if (e["table"], e["task"]) == (table, task)]
            mine.sort(key=limit)
            x, y = list(map(limit, mine)), list(map(peak, mine))
            axes.plot(
                x, y, marker=marker, color=COLOURS["chunketl"], label=table.replace(":", ", ")
            )
        bounds = [min(map(limit, entries)), max(map(limit, entries))]
        axes.plot(bounds, bounds, color=GREY, linestyle=":", label="the limit")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        numbers(axes.xaxis, "{:g}")
        numbers(axes.yaxis, "{:g}")
        axes.set_xlabel("limit, MiB")
        axes.set_title(f"{task}: MiB at peak")
    return legend(figure)


def bars(axes, entries, figure_of, text):
    for at, entry in enumerate(entries):
        value = figure_of(entry) if fine([entry]) else 0
        label = text.format(value) if fine([entry]) else report.brief_reason(entry)
        axes.barh(at, value, color=COLOURS[entry["engine"]], height=0.7)
        axes.annotate(label, (value, at), (4, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(entries)), [report.NAMES[entry["engine"]] for entry in entries])
    axes.set_xlim(right=1.3 * max(axes.get_xlim()))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def line(axes, x, y, engine, style="none", label=None):
    axes.plot(
        x,
        y,
        color=COLOURS[engine],
        marker=MARKERS[engine],
        linestyle=style,
        label=label or report.NAMES[engine],
        zorder=3 if engine == "chunketl" else 2,
    )


def legend(figure):
    """One for all panels, each entry once."""
    drawn = [axes.get_legend_handles_labels() for axes in figure.axes]
    by_label = {
        label: handle for handles, labels in drawn for handle, label in zip(handles, labels)
    }
    figure.legend(by_label.values(), by_label, loc="outside lower center", ncols=len(by_label))
    return figure


def numbers(axis, text):
    axis.set_major_formatter(FuncFormatter(lambda value, _: text.format(value)))
    axis.set_minor_formatter(NullFormatter())


def tables_by_task(entries):
    """The tables that each task has entries of."""
    return {task: {e["table"] for e in entries if e["task"] == task} for task in TASKS}


def shape_name(table):
    return table.partition(":")[0]


def fine(entries):
    return [entry for entry in entries if entry["status"] == "ok"]


def title(entry):
    return entry["table"].replace(":", ", ")


def gigabytes(entry):
    return entry["input_bytes"] / 1e9


def per_gigabyte(entry):
    return report.seconds(entry) / gigabytes(entry)


def peak(entry):
    return max(entry["peak_bytes"]) / MEBI


def limit(entry):
    return parse_bytes(entry["options"][1]) / MEBI


if __name__ == "__main__":
    main(*sys.argv[1:])
