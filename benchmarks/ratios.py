"""The table of ratios to the bare relay, with what is aimed at. Ratios travel to other machines; numbers do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.markdown import markdown, number
from benchmarks.results import BARE, DIRECT, NGINX, SHORT_BURST, SHORT_STREAM, SILENT, SLUICE, Column, Results
from benchmarks.table import NOTHING

Value = Callable[[Column], float]


@dataclass(frozen=True)
class Ratio:
    """A row. The ratio is to the column `to`, beyond the direct call where `is_added`."""

    title: str
    value: Value
    aim: str = NOTHING
    to: str = BARE
    is_added: bool = False

    def of(self, column: Column, results: Results) -> float | None:
        """The ratio, or None where a part was not measured."""
        base, direct = results.column(self.to), results.column(DIRECT)
        if base is None or (self.is_added and direct is None):
            return None
        least = self.value(direct) if self.is_added and direct is not None else 0.0
        above, below = self.value(column) - least, self.value(base) - least
        return above / below if above > 0 and below > 0 else None


ROWS = (
    Ratio("CPU per paced chunk, 16 streams", lambda column: column.paced_cpu_16, "≤ 1.8"),
    Ratio("CPU per paced chunk, 64 streams", lambda column: column.paced_cpu_64, "≤ 1.8"),
    Ratio("CPU per paced chunk, 16 streams in step", lambda column: column.in_step_cpu_16, "≤ 1.8"),
    Ratio("CPU per chunk in one long burst", lambda column: column.burst_cpu, "≤ 1.2"),
    Ratio(
        f"CPU per chunk in bursts of {SHORT_BURST}, the call's own included",
        lambda column: column.short_burst_cpu,
    ),
    Ratio(f"CPU per stream of {SHORT_STREAM} chunks", lambda column: column.stream_cpu),
    Ratio("CPU per buffered call, 16 clients", lambda column: column.call_cpu_16, "≤ 5"),
    Ratio("CPU per buffered call, 64 clients", lambda column: column.call_cpu_64, "≤ 5"),
    Ratio("requests/s at 64 clients, of nginx", lambda column: column.rate_64, "≥ 0.15", NGINX),
    Ratio("added p50 of a buffered call, 1 client", lambda column: column.wait_1_p50, "≤ 2.8", is_added=True),
    Ratio("added time to the first chunk, after a pause", lambda column: column.first_p50, "≤ 2.5", is_added=True),
    Ratio("added time to the first chunk, back to back", lambda column: column.first_busy_p50, is_added=True),
    Ratio("streams that one core carries", lambda column: column.streams),
)
COLD_TITLE, COLD_AIM = "cold start, CPU, of the bare standard-library handler", "≤ 1.2"


def ratios(results: Results) -> str:
    """The table, with a column for Sluice with its log and one without."""
    columns = [column for name in (SLUICE, SILENT) if (column := results.column(name))]
    rows = [["ratio to the bare relay", *(column.name for column in columns), "aim"]]
    rows += [[row.title, *(_cell(row.of(column, results)) for column in columns), row.aim] for row in ROWS]
    if results.cold:
        _, stdlib, sluice = (kind.medians()[0] for kind in results.cold)
        # The log is off in both: one figure for both columns.
        rows.append([COLD_TITLE, *(_cell(sluice / stdlib) for _ in columns), COLD_AIM])
    return markdown(rows)


def _cell(ratio: float | None) -> str:
    return NOTHING if ratio is None else number(ratio)
