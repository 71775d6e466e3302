"""Draw a timeline as a PNG file. Only this module imports matplotlib."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, BinaryIO

from kubeque.model.errors import MissingExtra
from kubeque.model.job.causes import Cause
from kubeque.model.stats.spans import By, Span, lanes

#: Maximum number of lanes with a label.
_LABELS = 30
_INCHES = 12.0
_DOTS_PER_INCH = 150
#: Colour of a cause that page.css does not define.
_OTHER = "#8c959f"
#: Units of the time axis: minimum length of the axis in seconds, length of the unit in seconds, and name of the unit.
_UNITS = ((2 * 86400, 86400, "days"), (2 * 3600, 3600, "hours"), (120, 60, "minutes"), (0, 1, "seconds"))


def draw(file: BinaryIO, found: Sequence[Span], by: By) -> None:
    """Write a picture of spans as a PNG. The spans must be sorted by their starts. Raises MissingExtra."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(
            f"a timeline as .png needs matplotlib ({error}): pip install 'kubeque[picture]', or write .html"
        ) from error
    made = lanes(found, by)
    tall = min(max(2.2, 0.28 * len(made.labels) + 1.2), 9.0)
    figure = Figure(figsize=(_INCHES, tall), dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    origin = min((span.start for span in found), default=0.0)
    length = max((span.end for span in found), default=origin + 1) - origin
    size, unit = next((size, unit) for least, size, unit in _UNITS if length >= least)
    _bars(axes, found, made.of, origin, size)
    step = -(-len(made.labels) // _LABELS) or 1
    axes.set_yticks(range(0, len(made.labels), step), [_plain(label) for label in made.labels[::step]], fontsize=8)
    axes.set_ylim(max(len(made.labels), 1) - 0.5, -0.5)
    axes.set_xlim(-0.01 * length / size, 1.01 * length / size)
    axes.set_xlabel(f"{unit} since the first start; lanes by {by}")
    axes.grid(axis="x", linewidth=0.5, color="#d0d7de")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, format="png")


def _bars(axes: Any, found: Sequence[Span], of: Sequence[int], origin: float, size: float) -> None:
    from matplotlib.collections import PolyCollection

    least = max((span.end - origin for span in found), default=0.0) / 2000  # a shorter bar is invisible
    colours = _colours()
    handles, names = [], []
    sides = [(span.start - span.lead, span.end + span.trail) for span in found if span.lead or span.trail]
    around = [lane for span, lane in zip(found, of, strict=True) if span.lead or span.trail]
    groups: list[tuple[str, str, list[tuple[float, float]], list[int], float]] = []
    if sides:
        groups.append(("bringing inputs, storing results", "#b6bec7", sides, around, 0.2))
    for cause in Cause:
        these = [(span, lane) for span, lane in zip(found, of, strict=True) if span.cause is cause]
        if these:
            times = [(span.start, max(span.end, span.start + least)) for span, _ in these]
            groups.append(
                (f"{cause} {len(these):,}", colours.get(cause, _OTHER), times, [lane for _, lane in these], 0.4)
            )
    for name, colour, times, places, half in groups:
        corners = [
            [(left, lane - half), (right, lane - half), (right, lane + half), (left, lane + half)]
            for (left, right), lane in zip(
                (((a - origin) / size, (b - origin) / size) for a, b in times), places, strict=True
            )
        ]
        edge = "white" if len(found) < 2000 else "none"
        handles.append(PolyCollection(corners, facecolors=colour, edgecolors=edge, linewidths=0.4))
        names.append(name)
        axes.add_collection(handles[-1], autolim=False)
    if handles:
        axes.legend(handles, names, loc="lower right", bbox_to_anchor=(1, 1), ncols=6, frameon=False, fontsize=8)


def _plain(label: str) -> str:
    """Return a label with `$` escaped, because `$` begins a formula in matplotlib."""
    return label.replace("$", r"\$")


def _colours() -> dict[str, str]:
    """Return the colour of each cause on a light page."""
    style = files("kubeque.jobs.reports").joinpath("page.css").read_text(encoding="utf-8")
    light = style.partition("@media")[0]
    return dict(re.findall(r"--cause-(\w+): (#[0-9a-f]{6})", light))
