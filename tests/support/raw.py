"""A connection that shows an answer's bytes, for requests that no HTTP client would send."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

from tests.support.upstream import CEILING

KEY = b"Host: x\r\nAuthorization: Bearer sk-caller\r\n"


class Raw:
    """A connection that shows bytes, and never waits for more of them than it asks for."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), CEILING)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the server may close before the last of it
            self.socket.sendall(data)

    def head(self) -> tuple[int, dict[bytes, bytes]]:
        """Status and fields of the next answer."""
        status = int(self._file.readline().split(b" ")[1])
        fields = {}
        while line := self._file.readline().strip():
            name, _, value = line.partition(b": ")
            fields[name.lower()] = value
        return status, fields

    def answer(self, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
        """The next answer whole."""
        status, fields = self.head()
        body = b""
        if method == "HEAD" or status in (204, 304):
            pass
        elif fields.get(b"transfer-encoding") == b"chunked":
            while size := int(self._file.readline(), 16):
                body += self._file.read(size)
                self._file.readline()
            self._file.readline()
        else:
            body = self._file.read(int(fields[b"content-length"]))
        return status, fields, body

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        return self._file.read()

    def close(self) -> None:
        self._file.close()
        self.socket.close()


def error_of(raw: bytes) -> dict[str, Any]:
    """The error in an answer whose body ends with the connection's."""
    found: dict[str, Any] = json.loads(raw[raw.index(b'{"error"') : raw.rindex(b"}}") + 2])["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return found
