"""The interface to upstreams, and the types of a call to one.

Network transports, the demo and tests implement `Upstream`. Sluice's own calls (readiness, moderation) use it too.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from proxy.errors import UpstreamTimeout, UpstreamUnreachable
from proxy.messages import ByteStream, Headers
from proxy.settings.apis import AUTHORIZATION
from proxy.settings.config import Config
from proxy.settings.providers import Provider
from proxy.wire.path_table import OPENAI


class Target(NamedTuple):
    """The address and key for a call. Targets come from the configuration only: no caller can choose a host.

    - `id`: names the upstream and the key in the log.
    - `provider`: the upstream's configuration; None for Sluice's own calls to other services.
    - `model`: the upstream's name for the model, if it differs from the caller's.
    - `key`: if empty, no credential header is added, and the call's headers must contain any credential it needs.
    - `api`: the API that it is called with, by its name in wire.path_table.
    - `key_header`: the header with the key, which is a Bearer token in `authorization`.
    """

    name: str
    base_url: str
    key: str
    id: str = ""
    provider: Provider | None = None
    model: str | None = None
    key_header: str = AUTHORIZATION
    api: str = OPENAI

    def __repr__(self) -> str:
        return f"Target({self.id or self.name})"  # never a key


class Timeouts(NamedTuple):
    """In seconds: to connect, until the answer's first byte, and between two chunks of it."""

    connect: float
    first_byte: float
    silence: float


class Outgoing(NamedTuple):
    """One call to an upstream. `path` (without a leading slash) and `query` go on the wire exactly as they are.

    `native` replaces `body` on a platform that can forward a request body without reading it.
    """

    target: Target
    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    timeouts: Timeouts
    native: Any = None


class Answer:
    """An upstream's answer: its head, and its body as raw bytes with any Content-Encoding still applied.

    `native` is the same body as the platform's own stream, for a host that can pass it on without reading `body`.
    """

    __slots__ = ("body", "headers", "native", "status")

    def __init__(self, status: int, headers: Headers, body: ByteStream, native: Any = None) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.native = native


class Upstream(Protocol):
    """Anything that answers calls."""

    async def send(self, outgoing: Outgoing) -> Answer:
        """Send a call and return the answer as soon as its head has arrived. The caller closes `answer.body`.

        Raises an UpstreamError if there is no answer. Iterating the body raises UpstreamDisconnected if it ends early,
        and UpstreamTimeout after `timeouts.silence` seconds without a byte.
        """


CONNECT_SECONDS = 10.0
# Idle connections are not reused after this: while a function was frozen, the upstream may have closed them.
IDLE_SECONDS = 30.0


def timed_out(seconds: float) -> UpstreamTimeout:
    """The error for an upstream that sent nothing for this many seconds."""
    return UpstreamTimeout(f"The upstream sent nothing for {seconds:g} s. Try again, or ask for a shorter answer.")


def unreachable(error: BaseException | None) -> UpstreamUnreachable:
    """The error for an upstream that refuses connections; it says why if its certificate is not trusted."""
    while error is not None:
        # An attribute of ssl.SSLCertVerificationError. The core does not import ssl.
        if reason := getattr(error, "verify_message", ""):
            return UpstreamUnreachable(
                f"The upstream's TLS certificate is not trusted: {reason}. The server's owner should check "
                "its base URL, or set SSL_CERT_FILE to the certificates to trust."
            )
        error = error.__cause__ or error.__context__
    return UpstreamUnreachable()


def timeouts(config: Config, limit: float = float("inf")) -> Timeouts:
    """The configured timeouts, each at most `limit` seconds.

    Unless FIRST_BYTE_SECONDS is set, the first byte may take as long as any later one.
    """
    return _timeouts(config.timeout_seconds, config.first_byte_seconds or config.timeout_seconds, limit)


@lru_cache(maxsize=16)
def _timeouts(silence: float, first_byte: float, limit: float) -> Timeouts:
    return Timeouts(min(CONNECT_SECONDS, silence, limit), min(first_byte, limit), min(silence, limit))


def credential(target: Target) -> tuple[str, str] | None:
    """The header with the target's key; None if it has no key."""
    if not target.key:
        return None
    return (target.key_header, f"Bearer {target.key}" if target.key_header == AUTHORIZATION else target.key)
