"""Rules of HTTP that parsers do not check, or that a server does not know, for our own server and for ASGI servers."""

from __future__ import annotations

from proxy.errors import BadRequest, NoWebSocket
from proxy.messages import Headers
from proxy.platforms.limits import number

# The limit of a request's header lines together, in bytes: they are read before the caller is known.
MAX_HEAD_BYTES = int(number("server", "http", "request headers"))


def field_size(name: bytes, value: bytes) -> int:
    """The bytes of a header line: name, colon, space, value and line end."""
    return len(name) + len(value) + 4


def check_framing(framed_twice: bool, hosts: int, version: str | None) -> None:
    """Raise BadRequest for a request of which a proxy may have seen another end, or that may be for another host.

    With Content-Length and Transfer-Encoding, what follows the end that the proxy has not seen would be a request that
    only we see (RFC 9112, section 6.3). With two Host headers, it may have read the other one (section 3.2).
    """
    if framed_twice:
        raise BadRequest("The request has Content-Length and Transfer-Encoding. Send one of them.", code="bad_framing")
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise BadRequest("An HTTP/1.1 request has exactly one Host header. Send one.", code="bad_host")


def offer_http(status: int, headers: Headers) -> None:
    """Add the headers that a 426 must have (RFC 9110, section 15.5.22). They apply to this connection only."""
    if status == NoWebSocket.status:
        headers.set("upgrade", "HTTP/1.1")
        headers.set("connection", "upgrade")
