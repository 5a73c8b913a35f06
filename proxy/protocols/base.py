"""The interface of a protocol: one object that knows the format of its requests, answers and streams.

A protocol module subclasses `Protocol` and calls its instance `PROTOCOL`. The row of its path in `wire.path_table`
names the module. `Protocol` itself serves all paths without a protocol: their calls pass through, and Sluice knows only
server-sent events and JSON errors of them. A content filter needs more than that, a `TextProtocol`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from proxy.errors import ProxyError
from proxy.protocols import usage
from proxy.wire import sse

if TYPE_CHECKING:
    from proxy.protocols.texts import EventTexts


# The start of an error event, in all protocols that have them. Google's API sends errors as JSON without `data:`.
ERROR_EVENT = re.compile(
    rb'^(?:event: ?(?:error|response\.failed)|(?:data: ?)?\{\s*"error"'
    rb'|data: ?\{\s*"type": ?"(?:error|response\.failed)")',
    re.MULTILINE,
)


class StreamState:
    """What a stream has sent so far, as far as ending it properly requires. One per stream.

    `ended`: the protocol's own end has arrived. `has_error`: the upstream has sent an error event. `request_id` is the
    call's id, for protocols whose errors name it. `reruns_incomplete`: the client repeats a call whose answer ends as
    incomplete.
    """

    __slots__ = ("ended", "has_error", "has_text", "request_id", "reruns_incomplete")

    def __init__(self) -> None:
        self.ended = self.has_error = self.has_text = self.reruns_incomplete = False
        self.request_id = ""

    @property
    def is_cut(self) -> bool:
        """Whether a stream that ends now has been cut, although its transport ended cleanly.

        False where clients notice by themselves, or where some providers omit the protocol's own end.
        """
        return False

    def feed(self, piece: bytes) -> None:
        """Observe the next piece of the stream: one or more whole events."""
        if b"error" in piece or b"failed" in piece:
            self.has_error = self.has_error or ERROR_EVENT.search(piece) is not None

    def truncated(self, reason: str) -> bytes | None:
        """The events that end a partial answer as incomplete. `reason` is deadline or response_limit.

        None if only an error event fits: nothing has been generated, or the protocol has no such end.
        """
        return None

    def failed(self, error: ProxyError) -> bytes:
        """The error event that ends a failed stream. Clients raise an exception for it."""
        return last_event({"error": error.fields()}, "error")


class Accumulator(ABC):
    """Collects the events of one stream, in order, and makes them the whole answer. Unknown members are kept.

    `has_text`: something has been generated. `has_unreadable`: an event of the stream could not be read.
    """

    def __init__(self) -> None:
        self.has_text = self.has_unreadable = False

    @abstractmethod
    def add(self, event: dict[str, Any]) -> None:
        """Add an event's data. Anything of another type is ignored."""

    @property
    @abstractmethod
    def has_begun(self) -> bool:
        """Whether there is enough of the answer to be returned."""

    @property
    @abstractmethod
    def is_finished(self) -> bool:
        """Whether nothing of the answer is missing, although the stream's own end has not arrived."""

    @abstractmethod
    def whole(self, ended: bool = False) -> dict[str, Any]:
        """The answer so far. `ended`: the stream ended by itself. Otherwise it is marked as cut off."""


class Protocol:
    """The interface of all protocols, implemented for paths without one."""

    name = "other"
    # Members that name the model in an answer, and members that hold such an answer within an event.
    model_members: tuple[str, ...] = ("model",)
    model_holders: tuple[str, ...] = ("response",)
    # The header with the id of a request, if SDKs look for one of their own.
    id_header: str | None = None
    # Whether clients ignore comments in a stream.
    allows_comments = True
    # Members, as JSON, that make a request ask for a stream with its usage.
    stream_members: dict[str, bytes] = {}  # noqa: RUF012 — never changed
    # Whether Sluice knows how the protocol's streams end.
    known = False
    # Whether `stream_options.include_usage` requests the usage of a stream.
    has_usage_option = False
    # Whether Sluice may shorten its message history (CONTEXT_GUARD=truncate, `truncation: "auto"`).
    has_history = False

    def state(self, choices: int = 1) -> StreamState:
        """The state of a new stream; `choices` is the number of answers that were requested."""
        return StreamState()

    def ping(self, has_ids: bool) -> bytes | None:
        """Bytes that keep a silent stream open; None if clients support none. `has_ids`: its events have ids."""
        return None

    def error_body(self, error: ProxyError, request_id: str) -> bytes:
        """The body of an answer that is an error, as JSON."""
        return error.body()

    def ends(self, piece: bytes) -> bool:
        """Whether a piece of whole events contains the protocol's own end, after which nothing follows."""
        return False

    def usage(self, data: bytes) -> dict[str, Any]:
        """The usage object in a whole answer or in a piece of a stream; empty if there is none."""
        return usage.reported(data)

    def accumulator(self) -> Accumulator | None:
        """A new accumulator that assembles a whole answer from its stream; None if that is not possible."""
        return None

    def path_fields(self, path: str, query: str) -> dict[str, Any]:
        """The model, and whether a stream is asked for, where the path and the query say so."""
        return {}

    def stream_path(self, path: str, query: str) -> tuple[str, str]:
        """The path and the query with which the same request asks for a stream."""
        return path, query

    def merged(self, held: dict[str, Any], following: dict[str, Any]) -> dict[str, Any] | None:
        """One event that is equivalent to two consecutive ones; None if they cannot be merged."""
        return None

    def messages(self, events: bytes) -> list[dict[str, Any]]:
        """The content of a stream, one message per choice, for counting its tokens."""
        return []

    def as_chat(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[str]] | None:
        """A chat request whose prompt has the same number of tokens; None if only the prompt's texts can be counted.

        With it come the reasons why its count is an estimate, and the reasons why it is a lower bound.
        """
        return None

    def prompts(self, request: dict[str, Any]) -> int:
        """The number of prompts in one request, each of which gets an answer."""
        return 1

    def stores(self, store: Any) -> bool:
        """Whether the upstream would store the answer; `store` is the request's member of that name."""
        return False

    def truncates(self, request: dict[str, Any]) -> bool:
        """Whether the upstream shortens a prompt that is too long for its model."""
        return False


class TextState(StreamState, ABC):
    """The state of a stream that a content filter can end."""

    __slots__ = ()

    @abstractmethod
    def filtered(self, message: str, held: bytes) -> bytes:
        """The events that end a stream with `message` in place of `held`, the events that a content filter blocked."""


class TextProtocol(Protocol, ABC):
    """A protocol whose answers a content filter can check, because Sluice knows where their texts are.

    With MODERATION, answers of any other protocol are refused.
    """

    known = True

    @abstractmethod
    def state(self, choices: int = 1) -> TextState:
        """The state of a new stream; `choices` is the number of answers that were requested."""

    @abstractmethod
    def event_texts(self, event: bytes) -> EventTexts:
        """The texts of one event, as a client would read it."""

    @abstractmethod
    def withheld(self, answer: dict[str, Any], positions: list[int | None], message: str) -> dict[str, Any]:
        """A whole answer with `message` in place of the choices at `positions`; None means all text outside choices."""


def last_event(value: dict[str, Any], name: str | None = None) -> bytes:
    """An event that ends a stream. Lone surrogates in it are replaced: it must always be possible to send it."""
    return sse.event(value, name, "replace")
