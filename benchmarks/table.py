"""The tables of calls, streams and cold starts: absolute numbers, and what each relay adds to a direct call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.coldstart import Cold
from benchmarks.markdown import markdown, number
from benchmarks.results import NGINX, SHORT_BURST, SHORT_STREAM, Column

Cell = Callable[[Column], str]
_STDLIB = "of the stdlib's"
_COLD = ("cold start", "CPU, ms", "wall, ms", f"CPU, {_STDLIB}", "CPU beyond the interpreter's, ms", _STDLIB)
NOTHING = "–"


def relays(columns: Sequence[Column]) -> str:
    """The table of everything that is measured under load. The first column is the direct one."""
    direct = columns[0]
    nginx = next((column for column in columns if column.name == NGINX), None)

    def added(seconds: Callable[[Column], float]) -> Cell:
        def cell(column: Column) -> str:
            more = "" if column is direct else f" ({number((seconds(column) - seconds(direct)) * 1e3, '+')})"
            return number(seconds(column) * 1e3) + more

        return cell

    def rate(column: Column) -> str:
        if nginx is None or column is direct or column is nginx:
            return f"{column.rate_64:.0f}"
        return f"{column.rate_64:.0f} ({number(column.rate_64 / nginx.rate_64)} of nginx)"

    def cpu(seconds: Callable[[Column], float]) -> Cell:
        return lambda column: NOTHING if column is direct or not seconds(column) else number(seconds(column) * 1e6)

    rows: list[tuple[str, Cell]] = [
        ("buffered answer, 1 client, p50, ms", added(lambda column: column.wait_1_p50)),
        ("buffered answer, 1 client, p99, ms", added(lambda column: column.wait_1_p99)),
        ("buffered answer, 16 clients, p50, ms", added(lambda column: column.wait_16_p50)),
        ("buffered answer, 16 clients, p99, ms", added(lambda column: column.wait_16_p99)),
        ("buffered answer, 64 clients, p50, ms", added(lambda column: column.wait_64_p50)),
        ("buffered answer, 64 clients, p99, ms", added(lambda column: column.wait_64_p99)),
        ("requests/s, 64 clients", rate),
        ("relay's CPU per request, 16 clients, µs", cpu(lambda column: column.call_cpu_16)),
        ("relay's CPU per request, 64 clients, µs", cpu(lambda column: column.call_cpu_64)),
        ("first chunk of a stream, after a pause, p50, ms", added(lambda column: column.first_p50)),
        ("first chunk of a stream, back to back, p50, ms", added(lambda column: column.first_busy_p50)),
        ("delay of a chunk, p50, ms", added(lambda column: column.delay_p50)),
        ("delay of a chunk, p99, ms", added(lambda column: column.delay_p99)),
        ("streams that one core carries", capacity),
        ("relay's CPU per paced chunk, 16 streams, µs", cpu(lambda column: column.paced_cpu_16)),
        ("relay's CPU per paced chunk, 64 streams, µs", cpu(lambda column: column.paced_cpu_64)),
        ("relay's CPU per paced chunk, 16 streams in step, µs", cpu(lambda column: column.in_step_cpu_16)),
        ("relay's CPU per chunk in one long burst, µs", cpu(lambda column: column.burst_cpu)),
        (
            f"relay's CPU per chunk in bursts of {SHORT_BURST}, the call's own included, µs",
            cpu(lambda column: column.short_burst_cpu),
        ),
        (f"relay's CPU per stream of {SHORT_STREAM} chunks, µs", cpu(lambda column: column.stream_cpu)),
        (
            "resident memory after the load, MB",
            lambda column: number(column.memory / 1e6) if column.memory else NOTHING,
        ),
    ]
    head = ["", *(column.name for column in columns)]
    return markdown([head, *([title, *map(cell, columns)] for title, cell in rows)])


def capacity(column: Column) -> str:
    """How many streams one core carries, marked where it may be more."""
    return ("≥ " if column.streams_at_least else "") + f"{column.streams:,}" if column.streams else NOTHING


def cold(kinds: Sequence[Cold]) -> str:
    """The table of cold starts: the bare interpreter, the standard library, Sluice."""
    bare, stdlib, _ = kinds
    floor, least = bare.medians()[0], stdlib.medians()[0]
    rows = []
    for kind in kinds:
        cpu, wall = kind.medians()
        beyond = [NOTHING, NOTHING]
        if kind is not bare:
            beyond = [number((cpu - floor) * 1e3), f"{(cpu - floor) / (least - floor):.2f}"]
        rows.append([kind.name, number(cpu * 1e3), number(wall * 1e3), f"{cpu / least:.2f}", *beyond])
    return markdown([[*_COLD], *rows])
