"""The only types that cross between the core and an adapter: Headers, Request, Reply, ByteStream.

Header names are lower-case here, values are text as Latin-1 reads the wire. Bodies are bytes and stay bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from proxy.errors import BodyTooLarge, IncompleteBody


class Headers:
    """An ordered list of (name, value) pairs; names are compared without case, repeated names are kept."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = [(name.lower(), value) for name, value in pairs]

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of `name`, which must be lower-case, or `default`."""
        for key, value in self._pairs:
            if key == name:
                return value
        return default

    def set(self, name: str, value: str) -> None:
        """Make `value` the only value of `name`."""
        self.remove(name)
        self._pairs.append((name, value))

    def add(self, name: str, value: str) -> None:
        """Append one more value of `name`."""
        self._pairs.append((name, value))

    def remove(self, name: str) -> None:
        """Remove every value of `name`, if there is one."""
        self._pairs = [pair for pair in self._pairs if pair[0] != name]

    def remove_all(self, names: Collection[str]) -> None:
        """Remove every value of each of these, in one pass: an upstream may send thousands."""
        self._pairs = [pair for pair in self._pairs if pair[0] not in names]

    def copy(self) -> Headers:
        """A list of its own with the same pairs."""
        copied = Headers()
        copied._pairs = self._pairs.copy()
        return copied

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self._pairs)

    def __repr__(self) -> str:
        # Values may be keys: a repr ends up in logs, so it names the headers and no more.
        return f"Headers({', '.join(key for key, _ in self._pairs)})"


class ByteStream(Protocol):
    """An async iterator of bytes. Whoever iterates it closes it; closing cancels the upstream call.

    Within the core the first piece of an answer says that its head has come: it is empty, or the whole body. In an
    event stream every piece ends where an event ends. A failure is raised as a ProxyError.
    """

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Wrapper:
    """What a stage puts around the stream of an answer.

    `passive`: it changes nothing and can do without the bytes, so a platform's own stream may bypass it.
    """

    wrap: Callable[[ByteStream], ByteStream]
    passive: bool = False


class Envelope(Protocol):
    """How a door that takes one value back carries a body. See `streaming.envelope.Envelope`."""

    @property
    def limit(self) -> int: ...

    @property
    def where(self) -> str: ...

    def room(self, headers: Headers) -> int: ...

    def size(self, body: bytes, headers: Headers) -> int: ...

    def text_size(self, text: bytes) -> int: ...


@dataclass(slots=True)
class Request:
    """One call as the caller sent it.

    `path` and `query` are as they stood on the wire, percent-encoded and without the `?`. `body` may be an iterator
    that nobody has read yet: the core reads it only once it has accepted the caller. `deadline` is the number of
    seconds left before the platform stops the function, None where nothing does. `origin` is the address the caller
    used (`https://host`), where the adapter knows it. `native` is the body as the platform's own stream, which can
    go up without anybody reading `body`; None where the platform has none. `envelope` is how a door that takes
    one value back will carry the answer; `plain_limit` is the largest answer in bytes that is no event stream, where a
    platform that streams has one all the same.
    """

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes | AsyncIterable[bytes] = b""
    deadline: float | None = None
    origin: str | None = None
    native: Any = None
    envelope: Envelope | None = None
    plain_limit: int | None = None

    @property
    def length(self) -> int | None:
        """How many bytes Content-Length announces, None where it says nothing that can be used."""
        length = self.headers.get("content-length") or ""
        # 18 digits say that it is too large as well as 5,000 do, which int() refuses to read.
        return int(length[:18]) if length.isascii() and length.isdigit() else None

    def check_complete(self, size: int) -> None:
        """Raise IncompleteBody where `size` bytes are fewer than Content-Length announces."""
        if self.length is not None and size < self.length:
            raise IncompleteBody

    async def read(self, limit: int, where: str = "this server") -> bytes:
        """The whole body. Raises BodyTooLarge above `limit` bytes, before reading where Content-Length tells.

        Raises IncompleteBody where fewer came than announced: a part must not go up as the whole.
        `where` names in its message whose limit that is.
        """
        if self.length is not None and self.length > limit:
            raise BodyTooLarge(limit, where)
        if isinstance(self.body, bytes):
            if len(self.body) > limit:
                raise BodyTooLarge(limit, where)
            self.check_complete(len(self.body))
            return self.body
        data = await read_up_to(self.body, limit)
        if data is None:
            raise BodyTooLarge(limit, where)
        self.check_complete(len(data))
        return data


@dataclass(slots=True)
class Reply:
    """What goes back to the caller. A `ByteStream` body must be iterated to its end or closed."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes | ByteStream = b""


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
    """The Content-Type without its parameters, lower case, or ''."""
    return (headers.get("content-type") or "").partition(";")[0].strip().lower()
