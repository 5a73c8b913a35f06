"""Simulates AWS Lambda for the streaming function: a Runtime API, instances, and a function URL.

Used by tests and `serve --as lambda-stream`. Like Lambda, it gives each instance one call at a time and starts another
instance when all are busy. Unlike Lambda, it does not limit size or speed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.error_reply import error_reply
from proxy.errors import ProxyError
from proxy.messages import Headers, Reply, Request

Message = dict[str, Any]
_SEPARATOR = b"\0" * 8


@dataclass
class Invocation:
    """One call: what the instance receives, and what it has sent back so far."""

    event: bytes
    deadline: float
    id: str = field(default_factory=lambda: os.urandom(16).hex())
    pieces: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    fields: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    broken: bool = False


class RuntimeApiServer:
    """The server side of the Runtime API. Passes responses on chunk by chunk and keeps their trailers."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[Invocation] = asyncio.Queue()
        self.running: dict[str, Invocation] = {}
        self.init_errors: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.restore_errors: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.snapshots = 0  # how many instances have reached the point where SnapStart takes a snapshot
        self.restore = asyncio.Event()  # set: instances go on from there at once
        self.restore.set()
        self.idle = 0
        self._servers: list[asyncio.Server] = []

    async def start(self) -> str:
        """Listen on a free local port; its address."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._servers.append(server)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Stop listening."""
        for server in self._servers:
            server.close()

    def fail_all(self) -> None:
        """Fail every pending invocation: no instance is left to answer it."""
        while not self.waiting.empty():
            invocation = self.waiting.get_nowait()
            self.running[invocation.id] = invocation
        for invocation in self.running.values():
            invocation.broken = True
            invocation.pieces.put_nowait(None)
        self.running.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            first, fields = await _head(reader)
            path = first.split(" ")[1].partition("/runtime/")[2]
            if path == "invocation/next":
                await self._next(reader, writer)
            elif path == "restore/next":
                self.snapshots += 1
                await self.restore.wait()
                _answer(writer, 200)
            elif path in ("init/error", "restore/error"):
                errors = self.init_errors if path == "init/error" else self.restore_errors
                errors.put_nowait(json.loads(await reader.readexactly(int(fields["content-length"]))))
                _answer(writer, 202)
            else:
                await self._response(path.split("/")[1], fields, reader, writer)
        writer.close()

    async def _next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.idle += 1
        disconnected = asyncio.ensure_future(reader.read(1))
        next_invocation = asyncio.ensure_future(self.waiting.get())
        await asyncio.wait({disconnected, next_invocation}, return_when=asyncio.FIRST_COMPLETED)
        self.idle -= 1
        if not next_invocation.done():
            next_invocation.cancel()
            return
        disconnected.cancel()
        invocation = next_invocation.result()
        self.running[invocation.id] = invocation
        fields = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:local:0:function:sluice",
            "Content-Type": "application/json",
        }
        _answer(writer, 200, fields, invocation.event)
        await writer.drain()

    async def _response(
        self, request_id: str, fields: Mapping[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        invocation = self.running[request_id]
        invocation.fields.update(fields)
        try:
            if "content-length" in fields:  # the managed runtime's own client does not stream
                invocation.pieces.put_nowait(await reader.readexactly(int(fields["content-length"])))
            else:
                await _read_chunks(reader, invocation)
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            invocation.broken = True
        self.running.pop(request_id, None)
        invocation.pieces.put_nowait(None)
        _answer(writer, 202)
        await writer.drain()


class LambdaFront:
    """The function URL as an app of our server: sends each request as a version 2.0 event, and streams its response.

    `timeout` is the function's time-out in seconds; at most `instances` run at once.
    """

    def __init__(self, environ: Mapping[str, str], timeout: float = 300.0, instances: int = 10) -> None:
        self.api = RuntimeApiServer()
        self.processes: list[asyncio.subprocess.Process] = []
        self.finished: list[Invocation] = []
        self._environ = dict(environ)
        self._watches: set[asyncio.Future[None]] = set()
        self._timeout = timeout
        self._instances = instances

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Start and stop with the server: the only kind of ASGI scope that our server has."""
        while (await receive())["type"] == "lifespan.startup":
            self._environ["AWS_LAMBDA_RUNTIME_API"] = await self.api.start()
            await send({"type": "lifespan.startup.complete"})
        for process in list(self.processes):
            process.terminate()
            await process.wait()
        self.api.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def respond(self, request: Request) -> Reply:
        """Answer a request through an instance."""
        invocation = await self.invoke(function_url_event(request, await request.read(sys.maxsize)))
        self.finished.append(invocation)
        buffer = b""
        while _SEPARATOR not in buffer:
            piece = await invocation.pieces.get()
            if piece is None:
                return Reply(
                    502, Headers([("content-type", "application/json")]), b'{"Message":"Internal Server Error"}'
                )
            buffer += piece
        prelude, _, rest = buffer.partition(_SEPARATOR)
        head = json.loads(prelude)
        cookies = [("set-cookie", value) for value in head.get("cookies", [])]
        return Reply(head["statusCode"], Headers([*head["headers"].items(), *cookies]), _body(invocation, rest))

    def refuse(self, error: ProxyError) -> Reply:
        """The answer to a request that breaks a rule of HTTP."""
        return error_reply(error)

    async def invoke(self, event: Any) -> Invocation:
        """Give an event to an instance, starting one if none is free."""
        invocation = Invocation(json.dumps(event).encode(), time.time() + self._timeout)
        self.api.waiting.put_nowait(invocation)
        if self.api.idle < self.api.waiting.qsize() and len(self.processes) < self._instances:
            command = [sys.executable, "-u", "-m", "proxy.adapters.aws_stream"]
            process = await asyncio.create_subprocess_exec(
                *command,
                env=self._environ,
                start_new_session=True,  # Ctrl-C must only reach this process, which lets running answers finish
            )
            self.processes.append(process)
            watch = asyncio.ensure_future(self._watch(process))
            self._watches.add(watch)  # the event loop keeps only weak references to tasks
            watch.add_done_callback(self._watches.discard)
        return invocation

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self.processes.remove(process)
        if not self.processes:
            self.api.fail_all()


async def _body(invocation: Invocation, first: bytes) -> AsyncGenerator[bytes, None]:
    """The body of a response that begins with `first`. Raises ConnectionError if the instance has not completed it."""
    yield first
    while (piece := await invocation.pieces.get()) is not None:
        yield piece
    if invocation.trailers or invocation.broken:
        raise ConnectionError


def function_url_event(request: Request, body: bytes) -> dict[str, Any]:
    """The event that a function URL sends for a request (payload format 2.0)."""
    headers: dict[str, str] = {}
    for name, value in request.headers:
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "domainName": "local.lambda-url.us-east-1.on.aws",
            "http": {"method": request.method, "path": request.path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "stage": "$default",
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": False,
    }
    if body:
        try:
            event["body"] = body.decode()
        except UnicodeDecodeError:
            event["body"], event["isBase64Encoded"] = base64.b64encode(body).decode(), True
    return event


async def _read_chunks(reader: asyncio.StreamReader, invocation: Invocation) -> None:
    while size := int(await reader.readline(), 16):
        invocation.pieces.put_nowait(await reader.readexactly(size))
        await reader.readexactly(2)
    while line := (await reader.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        invocation.trailers[name.lower()] = value.strip()


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    return first, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _answer(
    writer: asyncio.StreamWriter, status: int, fields: Mapping[str, str] | None = None, body: bytes = b""
) -> None:
    lines = [f"HTTP/1.1 {status} OK", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
