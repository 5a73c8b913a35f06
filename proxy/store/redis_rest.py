"""Carries commands over HTTPS, in the form of Upstash's REST interface, through the engine that calls upstreams.

So it needs no package and no connection of its own, and works on platforms that have only `fetch`. A command is posted
as a JSON array; several go to /pipeline, which runs them in order and not atomically (upstash.com/docs/redis/features/
restapi, read 2026-11-27).
"""

from __future__ import annotations

import json
from typing import Any

from proxy.errors import UpstreamError
from proxy.messages import read_up_to
from proxy.store.base import StoreUnavailable
from proxy.store.redis_store import CommandError
from proxy.upstream import Outgoing, Target, Timeouts, Upstream
from proxy.wire import bounded_json, content_encoding

_MAX_ANSWER_BYTES = 10_000_000
_HEADERS = [("content-type", "application/json"), ("accept-encoding", "identity")]


class RedisRest:
    """See redis_store.Connection."""

    def __init__(self, url: str, token: str, upstream: Upstream, seconds: float) -> None:
        """`seconds` is how long the server may stay silent."""
        self._target = Target("store", url, token, id="store")
        self._upstream = upstream
        self._timeouts = Timeouts(seconds, seconds, seconds)

    async def run(self, commands: list[list[str]]) -> list[Any]:
        """See redis_store.Connection.run."""
        if len(commands) == 1:
            return [_result(await self._posted("", commands[0]))]
        answer = await self._posted("pipeline", commands)
        if not isinstance(answer, list) or len(answer) != len(commands):
            raise StoreUnavailable("malformed")
        return [_result(one) for one in answer]

    async def aclose(self) -> None:
        """Nothing to do: the engine closes its connections."""

    async def _posted(self, path: str, value: Any) -> Any:
        body = json.dumps(value).encode()
        try:
            answer = await self._upstream.send(
                Outgoing(self._target, "POST", path, "", list(_HEADERS), body, self._timeouts)
            )
            try:
                data = await read_up_to(answer.body, _MAX_ANSWER_BYTES)
            finally:
                await answer.body.aclose()
        except UpstreamError as error:
            raise StoreUnavailable("timeout" if error.status == 504 else "unreachable") from None
        if answer.status in (401, 403):
            raise StoreUnavailable("unauthorized")
        # 400 comes with the error of a command (the page above, section HTTP Codes).
        if data is None or answer.status not in (200, 400):
            raise StoreUnavailable("malformed" if answer.status < 500 else "unreachable")
        return bounded_json.parse(
            content_encoding.decoded(data, content_encoding.encoding(answer.headers), _MAX_ANSWER_BYTES)
        )


def _result(answer: Any) -> Any:
    """The result in an answer, or the error in its place. Raises StoreUnavailable if there is neither."""
    if not isinstance(answer, dict) or not ("result" in answer or isinstance(answer.get("error"), str)):
        raise StoreUnavailable("malformed")
    return answer["result"] if "result" in answer else CommandError(answer["error"].partition(" ")[0])
