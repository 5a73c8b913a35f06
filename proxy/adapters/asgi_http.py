"""HTTP over ASGI: reading a request and checking its head, noticing a disconnect, sending a reply.

The specification is asgi.readthedocs.io/en/latest/specs/www.html (HTTP & WebSocket version 2.5, read 2026-11-23).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from proxy.adapters.http_rules import MAX_HEAD_BYTES, check_framing, field_size
from proxy.errors import ClientGone, HeadersTooLarge
from proxy.messages import Headers, Reply, Request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# A call that ends sooner needs no second task to watch for a disconnect.
WATCH_AFTER_SECONDS = 0.02


class IncomingBody:
    """The request's body as it arrives. Once it is complete, it can watch for the client to disconnect."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._complete = asyncio.Event()
        self._watch: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self.disconnected = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone("The caller left while its request was being read.")
            more = message.get("more_body", False)
            yield message.get("body", b"")
        self._complete.set()

    def cancel_on_disconnect(self, task: asyncio.Task[Any]) -> None:
        """Cancel `task`, and with it the upstream call, when the client disconnects."""
        loop = asyncio.get_running_loop()

        async def watch() -> None:
            await self._complete.wait()
            await self._receive()  # after the body, the only message left is http.disconnect
            self.disconnected = True
            task.cancel()

        def start() -> None:
            self._watch = loop.create_task(watch())

        self._watch = loop.call_later(WATCH_AFTER_SECONDS, start)

    def stop_watching(self) -> None:
        """Ignore disconnects from now on."""
        if self._watch is not None:
            self._watch.cancel()


def request_of(scope: Scope, body: IncomingBody | bytes) -> Request:
    """The request that an HTTP scope describes, with its path as sent where the server keeps it."""
    client = scope.get("client")
    headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    return Request(
        method=scope["method"],
        path=path.decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        origin=f"{scope.get('scheme', 'http')}://{headers.get('host') or ''}",
        peer=client[0] if client else None,
    )


def check_head(scope: Scope, headers: Headers) -> None:
    """Raise BadRequest or HeadersTooLarge for what HTTP parsers let through. Close the connection afterwards."""
    if sum(field_size(*pair) for pair in scope["headers"]) > MAX_HEAD_BYTES:
        raise HeadersTooLarge
    framed_twice = "transfer-encoding" in headers and "content-length" in headers
    check_framing(framed_twice, sum(name == "host" for name, _ in headers), scope.get("http_version"))


async def send_reply(reply: Reply, send: Send, before_end: Callable[[], None]) -> None:
    """Send the head, then each piece as it comes. Leaves a body that fails incomplete: the server then disconnects.

    Calls `before_end` before the last message, after which servers report http.disconnect even for a client that is
    still there. That must not cancel the work that remains, such as counting what the answer cost.
    """
    head = {"type": "http.response.start", "status": reply.status, "headers": _raw(reply.headers)}
    if isinstance(reply.body, bytes):
        with suppress(OSError):  # since version 2.4 a server may raise it once the client has disconnected
            await send(head)
            before_end()
            await send({"type": "http.response.body", "body": reply.body})
        return
    try:
        await send(head)
        # Servers hold the head back until there is a body. Send it now: the first event may take a while.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        async for piece in reply.body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        before_end()
        await send({"type": "http.response.body", "body": b""})
    except Exception:  # already logged; raising it would only print it again
        return
    finally:
        await reply.body.aclose()


async def answer_websocket(
    scope: Scope, receive: Receive, send: Send, respond: Callable[[Request], Awaitable[Reply]]
) -> None:
    """Answer 426 or 501 if the server can send a response. Otherwise close before accepting: the server sends 403."""
    await receive()
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1003})
        return
    request = request_of({"query_string": b"", "headers": (), **scope, "method": "GET"}, b"")
    request.headers.set("upgrade", "websocket")  # a server may have taken it out
    reply = await respond(request)  # an error, and so whole
    await send({"type": "websocket.http.response.start", "status": reply.status, "headers": _raw(reply.headers)})
    await send({"type": "websocket.http.response.body", "body": reply.body})


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
