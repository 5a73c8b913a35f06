"""The results as Markdown: absolute numbers, what each relay adds to a direct call, and ratios to nginx."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from benchmarks.coldstart import Cold
from benchmarks.measure import FEW, MANY, SOME, Figures

Cell = Callable[[Figures], str]
_STDLIB = "of the stdlib's"
_COLD = ("cold start", "CPU, ms", "wall, ms", f"CPU, {_STDLIB}", "CPU beyond the interpreter's, ms", _STDLIB)


def relays(columns: Sequence[Figures]) -> str:
    """The table of everything that is measured under load. The first column is the direct one."""
    direct = columns[0]
    nginx = next((one for one in columns if one.name == "nginx"), None)

    def added(of: Callable[[Figures], list[int]], share: int) -> Cell:
        least = _percentile(of(direct), share)

        def cell(one: Figures) -> str:
            value = _percentile(of(one), share)
            return number(value / 1e6) + ("" if one is direct else f" ({number((value - least) / 1e6, '+')})")

        return cell

    def waits(clients: int, share: int) -> tuple[str, Cell]:
        who = f"{clients} client" + ("s" if clients > 1 else "")
        return f"buffered answer, {who}, p{share}, ms", added(lambda one: one.waits[clients], share)

    def rate(one: Figures) -> str:
        if nginx is None or one is direct or one is nginx:
            return f"{one.rate():.0f}"
        return f"{one.rate():.0f} ({number(one.rate() / nginx.rate())} of nginx)"

    def of_relay(value: Callable[[Figures], float]) -> Cell:
        return lambda one: "–" if one is direct else number(value(one))

    rows: list[tuple[str, Cell]] = [
        *(waits(clients, share) for clients in (FEW, SOME) for share in (50, 99)),
        (f"requests/s, {MANY} clients", rate),
        (f"relay's CPU per request, {MANY} clients, µs", of_relay(lambda one: one.calls_cpu_seconds / one.calls * 1e6)),
        ("first chunk of a stream, p50, ms", added(lambda one: one.firsts, 50)),
        ("delay of a chunk, p50, ms", added(lambda one: one.delays, 50)),
        ("delay of a chunk, p99, ms", added(lambda one: one.delays, 99)),
        ("relay's CPU per chunk in a burst, µs", of_relay(lambda one: one.chunks_cpu_seconds / one.chunks * 1e6)),
        ("resident memory after the load, MB", of_relay(lambda one: one.memory_bytes / 1e6)),
    ]
    head = ["", *(one.name for one in columns)]
    return markdown([head, *([title, *map(cell, columns)] for title, cell in rows)])


def cold(kinds: tuple[Cold, Cold, Cold]) -> str:
    """The table of cold starts: the bare interpreter, the standard library, Sluice."""
    bare, stdlib, _ = kinds
    floor, least = bare.medians()[0], stdlib.medians()[0]
    rows = []
    for kind in kinds:
        cpu, wall = kind.medians()
        beyond = ["–", "–"]
        if kind is not bare:
            beyond = [number((cpu - floor) * 1e3), f"{(cpu - floor) / (least - floor):.2f}"]
        rows.append([kind.name, number(cpu * 1e3), number(wall * 1e3), f"{cpu / least:.2f}", *beyond])
    return markdown([[*_COLD], *rows])


def _percentile(samples: list[int], share: int) -> float:
    return statistics.quantiles(samples, n=100, method="inclusive")[share - 1]


def number(value: float, sign: str = "-") -> str:
    """Two or three digits that mean something; `sign` is + where a plus is wanted, too."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    return f"{value:{sign}.{digits}f}"


def markdown(rows: list[list[str]]) -> str:
    """A table, its first row the head."""
    head, *rest = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *rest])
