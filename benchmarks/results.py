"""The results of a run as plain numbers, which can be stored and read again."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from benchmarks.budgets import Added
from benchmarks.coldstart import Cold
from benchmarks.stalls import Stalls
from benchmarks.translations import Spent

DIRECT, NGINX, BARE, SLUICE, SILENT = "direct", "nginx", "bare relay", "Sluice", "Sluice, `LOG_LEVEL=off`"

SHORT_BURST, SHORT_STREAM = 200, 3  # chunks


@dataclass(frozen=True)
class Column:
    """What was measured of one subject. Times are seconds, memory is bytes; 0 where nothing was measured.

    The number in a name is that of clients or streams at a time. CPU is the relay's.
    """

    name: str
    wait_1_p50: float = 0.0
    wait_1_p99: float = 0.0
    wait_16_p50: float = 0.0
    wait_16_p99: float = 0.0
    wait_64_p50: float = 0.0
    wait_64_p99: float = 0.0
    rate_64: float = 0.0  # calls a second
    call_cpu_16: float = 0.0
    call_cpu_64: float = 0.0
    first_p50: float = 0.0  # each call after a pause
    first_busy_p50: float = 0.0  # one call after the other
    delay_p50: float = 0.0
    delay_p99: float = 0.0
    paced_cpu_16: float = 0.0  # per chunk
    paced_cpu_64: float = 0.0
    in_step_cpu_16: float = 0.0  # per chunk, all of them due at the same times
    burst_cpu: float = 0.0  # per chunk of one long burst
    short_burst_cpu: float = 0.0  # per chunk of bursts of SHORT_BURST, each a call of its own
    stream_cpu: float = 0.0  # per stream of SHORT_STREAM chunks
    memory: int = 0
    streams: int = 0  # that one core carries
    streams_at_least: bool = False  # it may be more: the instrument was the limit


@dataclass
class Results:
    """Everything that a run has measured. `facts` say where and how."""

    facts: list[str]
    columns: list[Column]
    cold: list[Cold] = field(default_factory=list)
    translations: list[Spent] = field(default_factory=list)
    budgets: list[Added] = field(default_factory=list)
    stalls: list[Stalls] = field(default_factory=list)

    def column(self, name: str) -> Column | None:
        """The column of this name, or None where that was not measured."""
        return next((column for column in self.columns if column.name == name), None)

    def to_json(self) -> str:
        """All of it, for a file."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Results:
        """What `to_json` has made. Raises ValueError, KeyError or TypeError where it is something else."""
        stored: dict[str, Any] = json.loads(text)
        return cls(
            stored["facts"],
            [Column(**column) for column in stored["columns"]],
            [Cold(**cold) for cold in stored["cold"]],
            [Spent(**spent) for spent in stored["translations"]],
            [Added(**added) for added in stored["budgets"]],
            [Stalls(**stalls) for stalls in stored["stalls"]],
        )
