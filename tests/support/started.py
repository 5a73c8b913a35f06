"""Functions in processes of their own, started as their platforms start the unpacked bundles."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from tests.support.case import Ask
from tests.support.client import Connection, Result, call
from tests.support.talk import KEY
from tests.support.upstream import CEILING, END, SSE_HEAD, Upstream, Wait, chunk

Pairs = tuple[tuple[str, str], ...]
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


@contextlib.contextmanager
def port_of(
    start: Callable[..., AbstractContextManager[tuple[Any, int]]], *given: Any, **environ: str
) -> Iterator[int]:
    """The port alone of what `start` makes: a process and its port."""
    with start(*given, **environ) as (_, port):
        yield port


class BundleDriver:
    """A process for each set of settings. `start` runs one, `passed_on` is what the platform makes of a call.

    Give `stack` the processes to stop.
    """

    def __init__(
        self,
        start: Callable[..., AbstractContextManager[int]],
        passed_on: Callable[[Ask], Ask],
        stack: ExitStack,
    ) -> None:
        self._start, self._passed_on, self._stack = start, passed_on, stack
        self._ports: dict[Pairs, int] = {}

    def port(self, settings: Pairs) -> int:
        if settings not in self._ports:
            environ = {"LOG_LEVEL": "off", **dict(settings)}
            self._ports[settings] = self._stack.enter_context(self._start(**environ))
        return self._ports[settings]

    def ask(self, ask: Ask, settings: Pairs) -> Result:
        ask = self._passed_on(ask)
        return call(self.port(settings), ask.method, ask.path, ask.headers, ask.body)


def flows(port: int, added: Pairs, upstream: Upstream, caller: Pairs = KEY) -> None:
    """The upstream sends each event only after the caller has seen the one before."""
    upstream.play((SSE_HEAD, *(step for _ in range(5) for step in (chunk(EVENT), Wait())), END))
    connection = Connection(port)
    connection.send("POST", "/v1/chat/completions", (*caller, *added), b'{"stream":true}')
    seen = 0
    for got in connection.writes(connection.head()):
        assert got == EVENT
        seen += 1
        upstream.proceed()
    connection.close()
    assert seen == 5


def ends_with_its_caller(port: int, added: Pairs, upstream: Upstream) -> None:
    """The call to the upstream is cancelled when the caller leaves."""
    upstream.play((SSE_HEAD, chunk(EVENT), Wait()))
    with contextlib.closing(Connection(port)) as connection:
        connection.send("POST", "/v1/chat/completions", (*KEY, *added), b'{"stream":true}')
        assert next(connection.writes(connection.head())) == EVENT
    assert upstream.gone.wait(CEILING)
