"""AWS Lambda, chunked: `python -m proxy.adapters.aws_stream` in the place of the runtime's own loop.

The managed Python runtimes do not stream (awslambdaric has no such code), so `AWS_LAMBDA_EXEC_WRAPPER` starts this
instead: take an invocation, run the core on the one loop, send its pieces as they come.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import Callable, Mapping
from typing import Any

from proxy import error_reply, log, startup, transports
from proxy.adapters import aws_events
from proxy.adapters.asyncio_host import AsyncioClock
from proxy.adapters.aws_runtime import Response, RuntimeApi
from proxy.adapters.ids import new_id
from proxy.adapters.log_output import write_line
from proxy.errors import BadRequest, ConfigError, ProxyError
from proxy.host import Capabilities, Host
from proxy.messages import Reply
from proxy.platforms.limits import number
from proxy.relay import relay

# The platform makes these itself, and refuses a prelude that has them (RFC 9110 section 7.6.1, and the length).
_NOT_IN_PRELUDE = frozenset(
    "connection keep-alive proxy-authenticate te trailer transfer-encoding upgrade content-length set-cookie".split()
)


class StreamFunction:
    """The function for the life of its process. Raises ConfigError when a setting is wrong."""

    def __init__(self, environ: Mapping[str, str], write: Callable[[str], None] = write_line) -> None:
        self._config = startup.load_with_file(environ)
        self._host = Host(
            platform="aws-lambda-stream",
            capabilities=Capabilities(
                streams=True,
                sees_disconnect=False,
                rewrites_stream=True,
                body_limit=int(number("aws", "function URL", "request body")),
            ),
            clock=AsyncioClock(),
            new_id=new_id,
            choose=random.randrange,
            write=write,
        )
        self._upstream = transports.make(self._config, self._host)

    async def warm(self) -> None:
        """What can be done before the first call."""
        await self._upstream.warm()

    async def aclose(self) -> None:
        """Close connections."""
        await self._upstream.aclose()

    async def handle(self, api: RuntimeApi, headers: Mapping[str, str], event: bytes) -> None:
        """Answer one invocation. Never raises for anything but a cancellation."""
        reply = await self._reply(headers, event)
        try:
            response = await api.respond(headers["lambda-runtime-aws-request-id"], *prelude(reply))
        except OSError as error:
            await self._lost(reply, error)
            return
        try:
            await self._send(response, reply)
        except (OSError, asyncio.IncompleteReadError) as error:
            # The platform has hung up; the caller may long be gone. There is nobody left to tell but the log.
            response.drop()
            await self._lost(reply, error)

    async def _reply(self, headers: Mapping[str, str], raw: bytes) -> Reply:
        try:
            event = _parsed(raw)
            door = aws_events.door_of(event, streaming=True)
            if door is None:
                raise aws_events.unknown_event()
            wall = self._host.clock.wall()
            deadline = headers.get("lambda-runtime-deadline-ms")
            left = int(deadline) / 1000 - wall if deadline else None
            request = aws_events.to_request(event, door, aws_events.seconds_left(event, door, left, wall))
            return await relay(request, self._config, self._upstream, self._host)
        except ProxyError as error:
            return error_reply.answer(error, self._host)
        except Exception as error:  # an event that only looks like one must not end the process
            told = BadRequest(f"The event cannot be read ({type(error).__name__}).", code="bad_event")
            return error_reply.answer(told, self._host)

    async def _send(self, response: Response, reply: Reply) -> None:
        if isinstance(reply.body, bytes):
            await response.write(reply.body)
            await response.end()
            return
        try:
            async for piece in reply.body:
                await response.write(piece)
        except ProxyError as error:  # a file that was cut: its status is out, so only the trailers can tell
            await response.fail(f"Sluice.{type(error).__name__}", error.message)
        else:
            await response.end()
        finally:
            await reply.body.aclose()

    async def _lost(self, reply: Reply, error: Exception) -> None:
        if not isinstance(reply.body, bytes):
            await reply.body.aclose()
        told = {"event": "response_lost", "exception": type(error).__name__}
        log.line(self._host, self._config.log_level, "warning", told)


def prelude(reply: Reply) -> tuple[int, dict[str, str], list[str]]:
    """Status, headers and cookies as the streamed response's prelude takes them; repeated headers are joined."""
    headers: dict[str, str] = {}
    cookies = [value for name, value in reply.headers if name == "set-cookie"]
    for name, value in reply.headers:
        if name not in _NOT_IN_PRELUDE:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return reply.status, headers, cookies


async def serve(environ: Mapping[str, str], write: Callable[[str], None] = write_line) -> int:
    """Answer invocations for as long as the platform sends them. Returns the exit code of a broken start."""
    api = RuntimeApi(environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        function = StreamFunction(environ, write)
        await function.warm()
    except Exception as error:  # whatever it was, the platform must hear of it, or it waits out its ten seconds
        kind = f"Sluice.{type(error).__name__}"
        # Only our own sentences are known to hold no key.
        message = error.message if isinstance(error, ConfigError) else "Sluice could not start; see the function's log."
        write(json.dumps({"level": "error", "event": "init_error", "exception": kind, "message": message}))
        await api.fail("init/error", kind, message)
        return 1
    try:
        while True:
            headers, event = await api.next()
            await function.handle(api, headers, event)
    finally:
        await function.aclose()


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def main() -> int:
    """The entry point; one event loop for the life of the process."""
    return asyncio.run(serve(os.environ))


if __name__ == "__main__":
    sys.exit(main())
