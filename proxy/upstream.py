"""The seam to the other side: one method, and what a call upwards is.

Real networks, the demo and tests implement `Upstream`; auxiliary calls (readiness, moderation) use it too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from proxy.errors import UpstreamTimeout, UpstreamUnreachable
from proxy.messages import ByteStream, Headers
from proxy.settings.config import Config
from proxy.settings.providers import Provider


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes and with which key. Targets come from configuration only; no caller can name a host.

    `id` names upstream and key for the log. `provider` is what the configuration says of the upstream, None for a call
    of our own to somewhere else. `model` is what the call's model is called there, None where it keeps its name.
    With an empty key no credential header is added: the call brings its own among its headers, if it needs one.
    """

    name: str
    base_url: str
    key: str = field(repr=False)
    id: str = ""
    provider: Provider | None = field(default=None, repr=False)
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to connect, until the answer's first byte, and between two pieces of it."""

    connect: float
    first_byte: float
    silence: float


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One call upwards. `path` (without a leading slash) and `query` stand on the wire exactly as they are here.

    `native` stands for the body where the platform can send on what it receives without anybody reading it.
    """

    target: Target
    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    patience: Patience
    native: Any = None


@dataclass(slots=True)
class Answer:
    """An upstream's answer: its head, and its body as raw bytes, in whatever encoding the head says.

    `native` is the same body as the platform's own stream, for a host that can hand it on: `body` is then not read.
    """

    status: int
    headers: Headers
    body: ByteStream
    native: Any = None


class Upstream(Protocol):
    """Anything that a call can be sent to."""

    async def send(self, outgoing: Outgoing) -> Answer:
        """The answer as soon as its head is there. Whoever gets it closes `answer.body`.

        Raises an UpstreamError when there is no answer; iterating the body raises UpstreamDisconnected when it ends
        before it is complete and UpstreamTimeout after `patience.silence` seconds without a byte.
        """


CONNECT_SECONDS = 10.0
# A kept connection is not used again after so long: a frozen function may have slept, while the other side hung up.
IDLE_SECONDS = 30.0


def silent_for(seconds: float) -> UpstreamTimeout:
    """The error for an upstream that has sent nothing for so long."""
    return UpstreamTimeout(f"The upstream has sent nothing for {seconds:g} s. Try again, or ask for less.")


def unreachable(error: BaseException | None) -> UpstreamUnreachable:
    """The error for an upstream that no connection can be made to, with the reason where it is its certificate."""
    while error is not None:
        # ssl.SSLCertVerificationError has it; the core does without importing ssl.
        if reason := getattr(error, "verify_message", ""):
            return UpstreamUnreachable(
                f"The upstream's TLS certificate is not trusted: {reason}. The server's owner should check "
                "OPENAI_BASE_URL, or name the certificates to trust with SSL_CERT_FILE."
            )
        error = error.__cause__ or error.__context__
    return UpstreamUnreachable()


def patience(config: Config, most: float = float("inf")) -> Patience:
    """How long this configuration waits, in no case longer than `most` seconds.

    The first byte may take as long as any later one unless a setting says otherwise.
    """
    return Patience(
        connect=min(CONNECT_SECONDS, config.timeout_seconds, most),
        first_byte=min(config.first_byte_seconds or config.timeout_seconds, most),
        silence=min(config.timeout_seconds, most),
    )


def credential(target: Target) -> tuple[str, str] | None:
    """The header that carries the target's key, None where it has none."""
    if not target.key:
        return None
    if target.provider is not None and target.provider.kind == "azure":
        return ("api-key", target.key)
    return ("authorization", f"Bearer {target.key}")
