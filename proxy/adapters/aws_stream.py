"""AWS Lambda, streaming: `python -m proxy.adapters.aws_stream` runs in place of the runtime's own loop.

The managed Python runtimes do not stream (awslambdaric has no code for it), so `AWS_LAMBDA_EXEC_WRAPPER` starts this
module instead. It takes one invocation after another and sends each answer as it comes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping

from proxy import error_reply
from proxy.adapters import aws_events
from proxy.adapters.asyncio_host import Instance, Write
from proxy.adapters.aws_runtime import Response, RuntimeApi
from proxy.adapters.event_fields import join_headers, reading_event
from proxy.adapters.log_output import write_line
from proxy.errors import ConfigError, ProxyError
from proxy.messages import Reply, Request

# The platform sets these itself and refuses a prelude that has them (RFC 9110, section 7.6.1, and the length).
_NOT_IN_PRELUDE = frozenset(
    "connection keep-alive proxy-authenticate te trailer transfer-encoding upgrade content-length set-cookie".split()
)


class StreamFunction(Instance):
    """The function, for the life of its process. Raises ConfigError if a setting is wrong."""

    platform = "aws-lambda-stream"
    body_limit = aws_events.FUNCTION_BODY_LIMIT

    def __init__(self, environ: Mapping[str, str], write: Write = write_line) -> None:
        super().__init__(environ, write)
        self.start()

    async def handle(self, api: RuntimeApi, headers: Mapping[str, str], event: bytes) -> None:
        """Answer one invocation. Raises nothing but a cancellation."""
        try:
            with reading_event():
                request = self._request(headers, event)
        except ProxyError as error:
            reply = error_reply.answer(error, self.host)
        else:
            reply = await self.answer(request)
        response = None
        try:
            response = await api.respond(headers["lambda-runtime-aws-request-id"], *prelude(reply))
            await _send(response, reply)
        except (OSError, asyncio.IncompleteReadError) as error:
            # The platform has hung up, perhaps long after the caller did. Only the log is left to report it to.
            if response is not None:
                response.drop()
            if not isinstance(reply.body, bytes):
                await reply.body.aclose()
            self.log("warning", {"event": "response_lost", "exception": type(error).__name__})

    def _request(self, headers: Mapping[str, str], event: bytes) -> Request:
        try:
            value = json.loads(event)
        except (ValueError, RecursionError):
            value = None
        door = aws_events.door_of(value, streaming=True)
        wall = self.host.clock.wall()
        deadline_ms = headers.get("lambda-runtime-deadline-ms")
        function_left = int(deadline_ms) / 1000 - wall if deadline_ms else None
        return aws_events.to_request(value, door, aws_events.seconds_left(value, door, function_left, wall))


async def _send(response: Response, reply: Reply) -> None:
    if isinstance(reply.body, bytes):
        await response.write(reply.body)
        await response.end()
        return
    try:
        async for piece in reply.body:
            await response.write(piece)
    except ProxyError as error:  # a file that was cut off: the status has gone out, so only the trailers can say so
        await response.fail(f"Sluice.{type(error).__name__}", error.message)
    else:
        await response.end()
    finally:
        await reply.body.aclose()


def prelude(reply: Reply) -> tuple[int, dict[str, str], list[str]]:
    """Status, headers and cookies as the prelude of a streamed response takes them."""
    headers = join_headers((name, value) for name, value in reply.headers if name not in _NOT_IN_PRELUDE)
    return reply.status, headers, [value for name, value in reply.headers if name == "set-cookie"]


async def serve(environ: Mapping[str, str], write: Write = write_line) -> int:
    """Answer invocations for as long as the platform sends them. Returns exit code 1 if the start fails."""
    api = RuntimeApi(environ["AWS_LAMBDA_RUNTIME_API"])
    stage = "init"
    try:
        function = StreamFunction(environ, write)
        await function.start()[1].warm()
        if environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
            # Many instances go on from here with this memory: nothing before may be unique, no connection open.
            stage = "restore"
            await api.restored()
    except Exception as error:  # report any failure, or the platform waits for its init time-out of 10 seconds
        kind = f"Sluice.{type(error).__name__}"
        # Other messages may contain a key.
        message = error.message if isinstance(error, ConfigError) else "Sluice could not start; see the function's log."
        write(json.dumps({"level": "error", "event": f"{stage}_error", "exception": kind, "message": message}))
        await api.fail(f"{stage}/error", kind, message)
        return 1
    try:
        while True:
            await function.handle(api, *await api.next())
    finally:
        await function.aclose()


def main() -> int:
    """The entry point. One event loop for the life of the process: connections belong to the loop that opened them."""
    return asyncio.run(serve(os.environ))


if __name__ == "__main__":
    sys.exit(main())
