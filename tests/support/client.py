"""A client that shows what other clients hide: each HTTP chunk as it was written, and how the connection ended."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.upstream import CEILING


@dataclass
class Result:
    """A reply as the wire had it. `writes` are the chunks, or the body in one piece; `broken` tells a cut-off one."""

    status: int
    headers: list[tuple[str, str]]
    writes: list[bytes] = field(default_factory=list)
    broken: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.writes)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One TCP connection to a server."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(CEILING)
        self.socket.connect(("127.0.0.1", port))
        self._file = self.socket.makefile("rb")

    def send(self, method: str, path: str, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> None:
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        names = {name.lower() for name, _ in headers}
        if "host" not in names:
            lines.append("Host: 127.0.0.1")
        if (body or method in ("POST", "PUT")) and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("utf-8") + body)

    def head(self) -> Result:
        status = int(self._file.readline().split(b" ")[1])
        headers = []
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name.lower(), value.strip()))
        return Result(status, headers)

    def writes(self, result: Result, method: str = "GET") -> Iterator[bytes]:
        """Each write of the reply as it comes."""
        if method == "HEAD" or result.status in (204, 304):
            return
        if result.header("transfer-encoding") == "chunked":
            while size := int(self._line(result) or b"0", 16):
                data = self._file.read(size)
                self._file.read(2)
                result.writes.append(data)
                yield data
            if not result.broken:
                self._file.readline()
            return
        length = int(result.header("content-length") or 0)
        data = self._file.read(length)
        result.broken = len(data) < length
        result.writes.append(data)
        yield data

    def _line(self, result: Result) -> bytes:
        try:
            line = self._file.readline()
        except ConnectionError:
            line = b""
        result.broken = not line
        return line.strip()

    def close(self) -> None:
        self._file.close()
        self.socket.close()


def call(port: int, method: str, path: str, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> Result:
    """One whole call."""
    connection = Connection(port)
    try:
        connection.send(method, path, headers, body)
        result = connection.head()
        for _ in connection.writes(result, method):
            pass
        return result
    finally:
        connection.close()
