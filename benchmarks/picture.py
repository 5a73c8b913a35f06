"""Horizontal bars as an SVG, readable on light and dark pages and by screen readers, without a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.markdown import number
from benchmarks.results import BARE, DIRECT, NGINX, SLUICE, Column, Results
from benchmarks.table import capacity

WIDTH, MARGIN, GAP = 800, 24, 40
PANELS_A_ROW = 2
_PANEL = (WIDTH - 2 * MARGIN - GAP) // PANELS_A_ROW
_NAMES, _VALUES = 84, 84  # the widths left of the bars and right of them
_BAR, _STEP, _HEAD = 18, 28, 52
_STYLE = """
  .page { fill: #ffffff } .text { fill: #1f2328 } .note { fill: #59636e } .bar { fill: #9aa4b0 } .ours { fill: #0969da }
  text { font: 14px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif }
  .title { font-weight: 600 } .note { font-size: 12px } .name { text-anchor: end }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #f0f6fc } .note { fill: #9198a1 }
    .bar { fill: #656c76 } .ours { fill: #4493f8 }
  }
"""


@dataclass(frozen=True)
class Bar:
    """`label` is what is written beside it. `is_ours` gives it the colour that stands out."""

    name: str
    value: float
    label: str
    is_ours: bool = False


@dataclass(frozen=True)
class Panel:
    """A group of bars with a scale of its own."""

    title: str
    note: str
    bars: Sequence[Bar]


def panels(results: Results) -> list[Panel]:
    """What the picture shows of a run. What was not measured is left out."""
    columns = [column for name in (NGINX, BARE, SLUICE) if (column := results.column(name))]
    direct = results.column(DIRECT)
    least = direct.wait_1_p50 if direct else 0.0

    def micros(seconds: float) -> str:
        return f"{number(seconds * 1e6)} µs"

    def bars(values: Sequence[float], labels: Sequence[str]) -> list[Bar]:
        shown = zip(columns, values, labels, strict=True)
        return [Bar(column.name, value, label, column.name == SLUICE) for column, value, label in shown if value > 0]

    def cpu(values: Sequence[float]) -> list[Bar]:
        return bars(values, [micros(value) for value in values])

    made = [
        Panel(
            "Streams that one core carries",
            "40 chunks a second each; longer is better",
            bars([column.streams for column in columns], [capacity(column) for column in columns]),
        ),
        Panel(
            "CPU per chunk",
            "64 streams of 40 chunks a second; shorter is better",
            cpu([column.paced_cpu_64 for column in columns]),
        ),
        Panel(
            "CPU per buffered call",
            "16 clients at a time; shorter is better",
            cpu([column.call_cpu_16 for column in columns]),
        ),
        Panel(
            "Added latency of a buffered call",
            "p50, 1 client; shorter is better",
            cpu([_added(column, least) for column in columns]),
        ),
    ]
    return [panel for panel in made if panel.bars]


def _added(column: Column, least: float) -> float:
    return max(0.0, column.wait_1_p50 - least)


def draw(title: str, shown: Sequence[Panel]) -> str:
    """The picture as an SVG document. All bars and their labels are told in its description as well."""
    rows = [shown[first : first + PANELS_A_ROW] for first in range(0, len(shown), PANELS_A_ROW)]
    parts = []
    top = MARGIN
    for row in rows:
        for place, panel in enumerate(row):
            parts += _panel(panel, MARGIN + place * (_PANEL + GAP), top)
        top += _HEAD + _STEP * max(len(panel.bars) for panel in row) + MARGIN
    told = " ".join(
        f"{panel.title} ({panel.note}): {', '.join(f'{bar.name} {bar.label}' for bar in panel.bars)}."
        for panel in shown
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" '
        'role="img" aria-labelledby="title desc">'
    )
    lines = [
        head,
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(told)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{top}" rx="6"/>',
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _panel(panel: Panel, left: int, top: int) -> list[str]:
    longest = max((bar.value for bar in panel.bars), default=0.0)
    start, room = left + _NAMES, _PANEL - _NAMES - _VALUES
    lines = [
        f'<text class="text title" x="{left}" y="{top + 14}">{escape(panel.title)}</text>',
        f'<text class="note" x="{left}" y="{top + 33}">{escape(panel.note)}</text>',
    ]
    for index, bar in enumerate(panel.bars):
        y = top + _HEAD + index * _STEP
        width = max(1.0, room * bar.value / longest) if longest > 0 else 1.0
        kind = "ours" if bar.is_ours else "bar"
        lines += [
            f'<text class="text name" x="{start - 8}" y="{y + 14}">{escape(bar.name)}</text>',
            f'<rect class="{kind}" x="{start}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>',
            f'<text class="text" x="{start + width + 8:.1f}" y="{y + 14}">{escape(bar.label)}</text>',
        ]
    return lines
