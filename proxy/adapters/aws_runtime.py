"""A client of Lambda's Runtime API with response streaming, on asyncio and the standard library alone.

The protocol is that of custom runtimes (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) with streamed responses
(runtimes-custom.html#runtimes-custom-response-streaming, read 2026-11-23) and SnapStart
(snapstart-runtime-hooks-custom.html, read 2026-11-26). Each request opens its own connection: that is cheap locally,
and a request that fails midway cannot affect the next.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any

_VERSION = "2018-06-01"
_SEPARATOR = b"\0" * 8
_TRAILERS = ("Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body")


class RuntimeApi:
    """The API at `address` (host:port), the value of AWS_LAMBDA_RUNTIME_API."""

    def __init__(self, address: str) -> None:
        self._address = address
        host, _, port = address.rpartition(":")
        self._host, self._port = host, int(port)

    async def next(self) -> tuple[dict[str, str], bytes]:
        """Wait for the next invocation: its headers, with lower-case names, and its event.

        Raises RuntimeApiError if the API refuses, and OSError if it cannot be reached.
        """
        return await self._get("invocation/next")

    async def restored(self) -> None:
        """With SnapStart: say that the start is complete, and return in each restored instance. Raises as `next`."""
        await self._get("restore/next")

    async def _get(self, path: str) -> tuple[dict[str, str], bytes]:
        reader, writer = await self._send("GET", path)
        try:
            status, headers = await _read_head(reader)
            body = await _read_body(reader, headers)
        finally:
            writer.close()
        if status != 200:
            raise RuntimeApiError(f"The Runtime API answered {path} with {status}.")
        return headers, body

    async def respond(self, request_id: str, status: int, headers: Mapping[str, str], cookies: list[str]) -> Response:
        """Start a streamed response. Sends the prelude at once: a call without a body would hang otherwise.

        Raises OSError if the platform has hung up.
        """
        fields = {
            "Transfer-Encoding": "chunked",
            "Lambda-Runtime-Function-Response-Mode": "streaming",
            "Content-Type": "application/vnd.awslambda.http-integration-response",
            "Trailer": ", ".join(_TRAILERS),
        }
        reader, writer = await self._send("POST", f"invocation/{request_id}/response", fields)
        response = Response(reader, writer)
        # JSON in ASCII has no NUL, so the eight of the separator are the only ones.
        prelude = json.dumps({"statusCode": status, "headers": dict(headers), "cookies": cookies})
        await response.write(prelude.encode("ascii") + _SEPARATOR)
        return response

    async def fail(self, where: str, kind: str, message: str) -> None:
        """Report a failed start (`init/error`), restore (`restore/error`) or invocation (`invocation/ID/error`)."""
        body = json.dumps({"errorMessage": message, "errorType": kind, "stackTrace": []}).encode()
        fields = {"Content-Length": str(len(body)), "Lambda-Runtime-Function-Error-Type": kind}
        reader, writer = await self._send("POST", where, fields, body)
        try:
            await _read_head(reader)
        finally:
            writer.close()

    async def _send(
        self, method: str, path: str, fields: Mapping[str, str] | None = None, body: bytes = b""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        lines = [f"{method} /{_VERSION}/runtime/{path} HTTP/1.1", f"Host: {self._address}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
        await writer.drain()
        return reader, writer


class Response:
    """A streamed response. `end`, `fail` or `drop` closes it. All but `drop` raise OSError if the platform hangs up."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def write(self, piece: bytes) -> None:
        """Send a piece as a chunk. Waits while the platform is slow."""
        if piece:  # an empty chunk would mean the end
            self._writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await self._writer.drain()

    async def end(self) -> None:
        """Complete the response."""
        await self._finish(b"0\r\n\r\n")

    async def fail(self, kind: str, message: str) -> None:
        """End the response with an error, in the trailers: the status has gone out with the prelude."""
        error = json.dumps({"errorMessage": message, "errorType": kind, "stackTrace": []}).encode()
        values = (kind, base64.b64encode(error).decode("ascii"))
        lines = "".join(f"{name}: {value}\r\n" for name, value in zip(_TRAILERS, values, strict=True))
        await self._finish(f"0\r\n{lines}\r\n".encode("ascii"))

    async def _finish(self, last: bytes) -> None:
        try:
            self._writer.write(last)
            await self._writer.drain()
            await _read_head(self._reader)  # 202: the platform has accepted it
        finally:
            self._writer.close()

    def drop(self) -> None:
        """Close the connection without an end: the platform has hung up."""
        self._writer.close()


class RuntimeApiError(OSError):
    """The Runtime API refused a request. The process should end."""


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = raw.split("\r\n")[:-2]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split(" ")[1]), headers


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    """A body with a length, in chunks (as AWS's emulator, RIE, sends it), or up to the end of the connection."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        pieces: list[bytes] = []
        while size := int((await reader.readline()).partition(b";")[0], 16):
            pieces.append(await reader.readexactly(size))
            await reader.readexactly(2)
        return b"".join(pieces)
    length: Any = headers.get("content-length")
    return await (reader.readexactly(int(length)) if length is not None else reader.read())
