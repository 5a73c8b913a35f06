"""The features of a call, as one ordered list. relay runs the list and knows no feature by name.

A stage is a module with one job. It may `prepare(call)`, before anything goes up: read or edit the body, set headers,
or raise a ProxyError. It may `wrap(call, stream)`: return a Stream that watches, changes or interrupts the given one,
or the given one where it has nothing to do. Preparing runs from the top of the list down, and the first to prepare is
the innermost to wrap: the last stage of the list is the one next to the client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from proxy.call import Call
from proxy.cost import usage
from proxy.messages import Stream
from proxy.moderation import stage
from proxy.streaming import assemble, deadline, keepalive


class Stage(Protocol):
    """What the modules in STAGES are."""

    def prepare(self, call: Call) -> Awaitable[None] | None:
        """Look at or change the call before it goes up. Raises ProxyError to refuse it.

        A stage that may have to work for long returns something to wait for, and lets others go on meanwhile.
        """

    def wrap(self, call: Call, stream: Stream) -> Stream:
        """Stand between the upstream's answer and the client."""


@dataclass(frozen=True, slots=True)
class Seldom:
    """A stage that not every deployment needs: its module is imported when a call first wants it, not at cold start.

    Its name is written in full: bundles follow it like an import.
    """

    name: str
    wanted: Callable[[Call], bool]

    def prepare(self, call: Call) -> Awaitable[None] | None:
        """As Stage.prepare."""
        waiting: Awaitable[None] | None = self._module().prepare(call) if self.wanted(call) else None
        return waiting

    def wrap(self, call: Call, stream: Stream) -> Stream:
        """As Stage.wrap."""
        return self._module().wrap(call, stream) if self.wanted(call) else stream

    def _module(self) -> Any:
        return import_module(self.name)


def _guards(call: Call) -> bool:
    asks = call.protocol == "chat" and call.document is not None and "truncation" in call.document
    return asks or call.config.context_guard != "off"


def _sends_with_held_key(call: Call) -> bool:
    return call.holds_credential and call.request.method not in ("GET", "HEAD")


STAGES: tuple[Stage, ...] = (
    Seldom("proxy.access.account_references", _sends_with_held_key),
    Seldom("proxy.routing.model_allowlist", lambda call: bool(call.allowed_models)),
    Seldom("proxy.routing.model_alias", lambda call: any(target.model is not None for target in call.targets)),
    stage,
    Seldom("proxy.cost.context_limit", _guards),
    Seldom("proxy.cost.cost_limit", lambda call: call.has_limits),
    usage,
    Seldom("proxy.cost.metering", lambda call: bool(call.config.metering)),
    deadline,
    assemble,
    keepalive,
)
