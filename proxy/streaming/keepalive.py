"""The keep-alive rule: when a silent stream gets a ping. `streaming.deadline` sends it, in the protocol's form.

Gateways and apps close a connection that is silent for half a minute, and reasoning models think for longer. A ping
before the upstream has answered sends the reply's head early, so the first one comes later than the others.
"""

from __future__ import annotations

import re
from math import inf

from proxy.call import Call

_ID = re.compile(rb"(?:^|[\r\n])id:")


def applies(call: Call) -> bool:
    """Whether the call's stream gets pings: only streams of text do, because only they wait for a model to think."""
    return bool(
        call.host.capabilities.streams
        and call.streamed
        and call.protocol.ping(has_ids=False) is not None
        and call.config.keepalive_seconds
    )


class Keepalive:
    """The pings of one stream. `due_at` is the time of the next one, in seconds on the host's clock."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._has_ids = False
        self.due_at = call.started + call.config.keepalive_first_seconds if applies(call) else inf

    def ping(self) -> bytes:
        """Return the ping to send now."""
        self._restart()
        return self._call.protocol.ping(self._has_ids) or b""

    def note(self, piece: bytes) -> None:
        """Take note of a piece of the stream. An answer that is not a readable event stream gets no pings."""
        if self.due_at == inf:
            return
        if self._call.is_sse is False:
            self.due_at = inf
        elif piece:  # the head alone does not end a silence
            self._has_ids = self._has_ids or (b"id:" in piece and _ID.search(piece) is not None)
            self._restart()

    def _restart(self) -> None:
        self.due_at = self._call.host.clock.now() + self._call.config.keepalive_seconds
