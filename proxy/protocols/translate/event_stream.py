"""The translation of a stream: its events are read one by one, and a writer writes the other protocol's. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, Protocol, TypeVar

from proxy.protocols.translate.event_data import read_event
from proxy.wire import sse


class Writer(Protocol):
    """Reads the upstream's events. `ended` and `error` say how the answer has ended, if it has."""

    ended: bool
    error: Any

    def add(self, event: dict[str, Any], name: str = "") -> None:
        """Add an event; `name` is its type, if it has one. Nothing is added after the end."""


W = TypeVar("W", bound=Writer)


class EventStream(ABC, Generic[W]):
    """Translates one stream of whole events."""

    def __init__(self, writer: W) -> None:
        self._writer = writer

    @property
    def error(self) -> Any:
        """The error that the upstream has sent, None if it has not. No event of the answer follows."""
        return self._writer.error

    @property
    def ended(self) -> bool:
        """Whether the answer has ended properly. Nothing follows, so the stream may be closed."""
        return self._writer.ended

    @property
    @abstractmethod
    def is_cut(self) -> bool:
        """Whether a stream that ends now has been cut: the upstream has not said that the answer ends."""

    def feed(self, piece: bytes) -> bytes:
        """The events for a piece of the upstream's stream: whole events. Empty if it has nothing for the caller."""
        for name, data in sse.events(piece + b"\n\n"):
            if data.strip() == b"[DONE]":
                self._done()
            elif (event := read_event(data)) is not None:
                self._writer.add(event, name)
        return self._taken()

    def end(self) -> bytes:
        """The last events, after the upstream's stream has ended. Empty if it has been cut, see `is_cut`."""
        return self._taken()

    def _done(self) -> None:
        """Take note of `[DONE]`."""

    @abstractmethod
    def _taken(self) -> bytes:
        """The events since the last time."""
