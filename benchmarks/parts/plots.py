"""The pictures of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: Colours of the backends (by Okabe and Ito). Colour-blind people can distinguish these colours.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_SIDES = {"kubeque": {"linestyle": "-", "marker": "o"}, "usual": {"linestyle": ":", "marker": "o", "fillstyle": "none"}}
#: Lines by backend and side. A line has x and y of each point.
Lines = Mapping[tuple[str, str], Sequence[tuple[float, float]]]


def throughput(lines: Lines, tasks: int, path: Path) -> None:
    """Draw the tasks per second against the number of consumers."""
    figure, (axes,) = _panels(1)
    _draw(axes, lines)
    axes.set(ylabel="tasks per second, claimed and completed")
    _ticks(axes, "consumers (processes)", sorted({x for points in lines.values() for x, _ in points}))
    axes.set_title(f"{tasks:,} tasks that take no time", loc="left")
    _save(figure, axes, path)


def sizes(submit: Lines, count: Lines, path: Path) -> None:
    """Draw the seconds to submit and to count a job against its number of tasks."""
    figure, (left, right) = _panels(2)
    for axes, lines, title in ((left, submit, "to submit a job"), (right, count, "to count its tasks by state")):
        _draw(axes, lines)
        axes.set(ylabel="seconds")
        _ticks(axes, "tasks in the job", [1_000, 10_000, 100_000, 1_000_000])
        axes.set_title(title, loc="left")
    _save(figure, right, path)


def _ticks(axes: Any, name: str, places: Sequence[float]) -> None:
    axes.set(xlabel=name, xticks=places)
    axes.set_xticklabels([f"{int(place):,}" for place in places])
    axes.minorticks_off()


def _panels(count: int) -> tuple[Any, Sequence[Any]]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, count, figsize=(4.6 * count + 3.2, 4.2), layout="constrained", squeeze=False)
    return figure, axes[0]


def _draw(axes: Any, lines: Lines) -> None:
    colours = dict(zip(dict.fromkeys(store for store, _ in lines), _COLOURS, strict=False))
    for (store, side), points in lines.items():
        axes.plot(*zip(*points, strict=True), color=colours[store], label=f"{store}, {side}", **_SIDES[side])
    axes.set(xscale="log", yscale="log")
    axes.grid(visible=True, which="major", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Any, axes: Any, path: Path) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
