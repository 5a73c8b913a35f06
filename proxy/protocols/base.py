"""What a protocol is to the rest of Sluice: one object that knows how its requests, answers and streams look.

A protocol module subclasses `Protocol` and names its instance `PROTOCOL`; the row of its path in `wire.path_table` has
the module's name. `Protocol` itself stands for every path that has no protocol of its own: it passes through, and
nothing is known of it but server-sent events and JSON errors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from proxy.errors import ProxyError
from proxy.protocols import usage
from proxy.wire import sse

if TYPE_CHECKING:
    from proxy.protocols.accumulate import Accumulator
    from proxy.protocols.texts import EventTexts


# How errors within a stream begin, in the protocols that have them.
ERROR_EVENT = re.compile(
    rb'^(?:event: ?(?:error|response\.failed)|data: ?\{\s*"(?:error"|type": ?"(?:error|response\.failed)"))',
    re.MULTILINE,
)


class StreamState:
    """What a stream has said so far, as far as its end needs it. One per stream.

    `ended`: the protocol's own end has come. `has_error`: the upstream has sent an error event.
    """

    __slots__ = ("ended", "has_error", "has_text")

    def __init__(self) -> None:
        self.ended = self.has_error = self.has_text = False

    def feed(self, piece: bytes) -> None:
        """Take note of a piece of whole events."""
        if b"error" in piece or b"failed" in piece:
            self.has_error = self.has_error or ERROR_EVENT.search(piece) is not None

    def truncated(self, reason: str) -> bytes | None:
        """The honest end of a partial answer; `reason` is deadline or response_limit.

        None where only an error event fits: nothing has been generated, or the protocol has no such end.
        """
        return None

    def filtered(self, message: str, held: bytes) -> bytes:
        """The end before events that a content filter withholds: `message` takes their place. `held` are the events."""
        raise NotImplementedError

    def failed(self, error: ProxyError) -> bytes:
        """The error event. A client raises on it, and nothing follows it."""
        return last_event({"error": error.fields()}, "error")


class Protocol:
    """The interface of every protocol, with the answers for a path that has none."""

    name = "other"
    # Whether Sluice understands the protocol's streams: their ends, texts and pings.
    known = False
    # Whether a buffered answer can be asked for as a stream and put together (ASSEMBLE).
    assembles = False
    # Whether `stream_options.include_usage` asks for a stream's usage.
    has_usage_option = False
    # Whether Sluice may shorten its message history (CONTEXT_GUARD=truncate, `truncation: "auto"`).
    has_history = False

    def state(self, choices: int = 1) -> StreamState:
        """The state of a new stream; `choices` is how many answers were asked for."""
        return StreamState()

    def ping(self, has_ids: bool) -> bytes | None:
        """What keeps a silent stream open; `has_ids`: its events have ids. None where clients would trip over it."""
        return None

    def ends(self, piece: bytes) -> bool:
        """Whether a piece of whole events holds the protocol's own end: nothing comes after it."""
        return False

    def usage(self, data: bytes) -> dict[str, Any]:
        """The usage object in a whole answer or in a piece of a stream, empty where there is none."""
        return usage.last_object(data)

    def accumulator(self) -> Accumulator:
        """Puts an answer together from its stream. Only where `assembles`."""
        raise NotImplementedError

    def merged(self, held: dict[str, Any], following: dict[str, Any]) -> dict[str, Any] | None:
        """Two consecutive events as one that says the same, or None where they must stay two."""
        return None

    def event_texts(self, event: bytes) -> EventTexts:
        """What one event says, as a client would read it."""
        raise NotImplementedError

    def withheld(self, answer: dict[str, Any], positions: list[int | None], message: str) -> dict[str, Any]:
        """A whole answer with `message` in place of the choices at `positions`; None is what belongs to no choice."""
        raise NotImplementedError

    def messages(self, events: bytes) -> list[dict[str, Any]]:
        """What a stream said, one message for each choice, for counting its tokens."""
        return []

    def as_chat(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[str]] | None:
        """The chat request whose prompt has as many tokens, with the reasons why its count is only an estimate, and
        those why it is a lower bound. None where only the texts of the prompt can be counted.
        """
        return None

    def prompts(self, request: dict[str, Any]) -> int:
        """How many prompts one request has, each of which is answered."""
        return 1

    def stores(self, asked: Any) -> bool:
        """Whether the upstream would keep the answer; `asked` is the request's `store`."""
        return False

    def truncates(self, request: dict[str, Any]) -> bool:
        """Whether the upstream itself shortens a prompt that is too long for its model."""
        return False


def last_event(value: dict[str, Any], name: str | None = None) -> bytes:
    """An event that ends a stream: it must be writable, whatever the upstream's own events held."""
    return sse.event(value, name, "replace")
