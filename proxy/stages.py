"""The features of a call, as one ordered list. relay runs the list and knows no feature by name.

A stage is a module with one job. It may `prepare(call)`, before anything goes up: read or edit the body, set headers,
or raise a ProxyError. It may `wrap(call, stream)`: return a Stream that watches, changes or interrupts the given one,
or the given one where it has nothing to do. Preparing runs from the top of the list down, and the first to prepare is
the innermost to wrap: the last stage of the list is the one next to the client.
"""

from __future__ import annotations

from typing import Protocol

from proxy import assemble, deadline, keepalive, moderation, usage
from proxy.call import Call
from proxy.messages import Stream


class Stage(Protocol):
    """What the modules in STAGES are."""

    def prepare(self, call: Call) -> None:
        """Look at or change the call before it goes up. Raises ProxyError to refuse it."""

    def wrap(self, call: Call, stream: Stream) -> Stream:
        """Stand between the upstream's answer and the client."""


STAGES: tuple[Stage, ...] = (
    moderation,
    usage,
    deadline,
    assemble,
    keepalive,
)
