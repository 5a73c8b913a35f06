"""The types that the core and the adapters exchange: Headers, Request, Reply, ByteStream.

Header names are lower case; values are the bytes on the wire, decoded as Latin-1. Bodies stay bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from proxy.errors import BodyTooLarge, IncompleteBody


class Headers:
    """An ordered list of (name, value) pairs. Names are case-insensitive; repeated names are kept."""

    __slots__ = ("_first", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = [(name.lower(), value) for name, value in pairs]
        self._first = dict(reversed(self._pairs))  # the first value of each name: every call asks for many

    @classmethod
    def of_lower(cls, pairs: list[tuple[str, str]]) -> Headers:
        """The headers in `pairs`, whose names are lower case already. The list is kept."""
        headers = cls.__new__(cls)
        headers._pairs, headers._first = pairs, dict(reversed(pairs))
        return headers

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of `name`, or `default`. `name` must be lower case, as in all methods here."""
        return self._first.get(name, default)

    def set(self, name: str, value: str) -> None:
        """Replace all values of `name` with `value`."""
        if name in self._first:
            self.remove_all((name,))
        self._pairs.append((name, value))
        self._first[name] = value

    def add(self, name: str, value: str) -> None:
        """Append a value of `name`, keeping the others."""
        self._pairs.append((name, value))
        self._first.setdefault(name, value)

    def remove(self, name: str) -> None:
        """Remove all values of `name`."""
        if name in self._first:
            self.remove_all((name,))

    def remove_all(self, names: Collection[str]) -> None:
        """Remove all values of all `names` in one pass: an upstream may send thousands."""
        self._pairs = [pair for pair in self._pairs if pair[0] not in names]
        self._first = dict(reversed(self._pairs))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __contains__(self, name: object) -> bool:
        return name in self._first

    def __repr__(self) -> str:
        # Values may be credentials, and a repr may reach a log: show the names only.
        return f"Headers({', '.join(key for key, _ in self._pairs)})"


class ByteStream(Protocol):
    """An async iterator of bytes. Its consumer closes it; closing cancels the upstream call.

    Within the core, the first chunk of an answer signals that its head has arrived: it is empty, or the whole body.
    In an event stream every chunk ends at an event boundary. Failures are raised as ProxyError.
    """

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None: ...


class Wrapper(NamedTuple):
    """A function that a stage wraps around an answer's stream.

    `passive`: it changes nothing and does not need the bytes, so a platform's native stream may bypass it.
    """

    wrap: Callable[[ByteStream], ByteStream]
    passive: bool = False


class Envelope(Protocol):
    """How an entry point that returns a single value encodes a body. See `streaming.envelope.Envelope`."""

    @property
    def limit(self) -> int: ...

    @property
    def where(self) -> str: ...

    def room(self, headers: Headers) -> int: ...

    def size(self, body: bytes, headers: Headers) -> int: ...

    def text_size(self, text: bytes) -> int: ...


class Request:
    """One call as the caller sent it.

    - `path`, `query`: as on the wire, percent-encoded; `query` without the `?`.
    - `body`: may be an unread iterator. The core reads it only after it has accepted the caller.
    - `deadline`: seconds until the platform stops the function; None if nothing does.
    - `origin`: the address that the caller used (`https://host`), if the adapter knows it.
    - `silence`: seconds after which the platform gives up on an answer that sends nothing; None if it waits.
    - `native`: the body as the platform's own stream, which can be sent upstream without reading `body`; else None.
    - `envelope`: how an entry point that returns a single value will encode the answer; None for those that stream.
    - `plain_limit`: the largest answer, in bytes, that is not an event stream, on streaming platforms with such a
      limit.
    - `peer`: the IP address at the other end of the connection; None if the adapter does not know it.
    """

    __slots__ = (
        *("body", "deadline", "envelope", "headers", "method", "native", "origin", "path", "peer", "plain_limit"),
        *("query", "silence"),
    )

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: Headers,
        body: bytes | AsyncIterable[bytes] = b"",
        *,
        deadline: float | None = None,
        origin: str | None = None,
        silence: float | None = None,
        native: Any = None,
        envelope: Envelope | None = None,
        plain_limit: int | None = None,
        peer: str | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.origin = origin
        self.silence = silence
        self.native = native
        self.envelope = envelope
        self.plain_limit = plain_limit
        self.peer = peer

    @property
    def length(self) -> int | None:
        """The Content-Length in bytes; None if it is missing or invalid."""
        length = self.headers.get("content-length")
        if not length:
            return None
        # 18 digits are beyond any limit, and int() rejects numbers with thousands of digits.
        return int(length[:18]) if length.isascii() and length.isdigit() else None

    def check_complete(self, size: int) -> None:
        """Raise IncompleteBody if `size` is less than the Content-Length."""
        if self.length is not None and size < self.length:
            raise IncompleteBody

    async def read(self, limit: int, where: str = "this server") -> bytes:
        """Read the whole body.

        Raises BodyTooLarge above `limit` bytes, without reading if the Content-Length already exceeds it; `where` names
        the limit's owner in the message. Raises IncompleteBody if the body is shorter than its Content-Length, so that
        a fragment is never sent upstream as the whole.
        """
        length = self.length
        if length is not None and length > limit:
            raise BodyTooLarge(limit, where)
        data = self.body if isinstance(self.body, bytes) else await read_up_to(self.body, limit)
        if data is None or len(data) > limit:
            raise BodyTooLarge(limit, where)
        if length is not None and len(data) < length:
            raise IncompleteBody
        return data


class Reply:
    """The answer to the caller. A `ByteStream` body must be iterated to its end or closed."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers | None = None, body: bytes | ByteStream = b"") -> None:
        self.status = status
        self.headers = Headers() if headers is None else headers
        self.body = body


async def read_up_to(body: AsyncIterable[bytes], limit: int) -> bytes | None:
    """Read the whole body. None as soon as it is larger than `limit` bytes; the rest stays unread."""
    pieces: list[bytes] = []
    size = 0
    async for piece in body:
        size += len(piece)
        if size > limit:
            return None
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def media_type(headers: Headers) -> str:
    """The Content-Type in lower case, without parameters; "" if there is none."""
    return (headers.get("content-type") or "").partition(";")[0].strip().lower()
