"""One driver for each adapter: it asks as a caller would and gives back what a caller gets."""

from __future__ import annotations

from typing import Protocol

from tests.conftest import Serve
from tests.contract.case import BINARY, DISCONNECTS, RAW_PATH, REWRITES, STREAMS, Ask
from tests.support.client import Result, call


class Driver(Protocol):
    """`can` names what the door is able to do; cases that need more are not run through it."""

    can: frozenset[str]

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        """Make the call against a function with these settings."""


class AsgiDriver:
    """The ASGI adapter behind real uvicorn, over a real socket."""

    can = frozenset({STREAMS, DISCONNECTS, REWRITES, BINARY, RAW_PATH})

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def ask(self, ask: Ask, settings: tuple[tuple[str, str], ...]) -> Result:
        return call(self._serve(**dict(settings)).port, ask.method, ask.path, ask.headers, ask.body)
