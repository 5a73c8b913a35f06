"""The keep-alive rule: when a silent stream is pinged. `streaming.deadline` waits for it.

Gateways and apps give up on a connection that carries nothing for half a minute; reasoning models think for longer.
A ping that is due before the upstream has answered sends the reply's head early, so the first one waits longer. The
ping's form is the protocol's.
"""

from __future__ import annotations

import re
from math import inf

from proxy.call import Call

_ID = re.compile(rb"(?:^|[\r\n])id:")


def wanted(call: Call) -> bool:
    """Whether the call's stream is kept open: text is what waits for thought, other streams are left alone."""
    return bool(
        call.host.capabilities.streams
        and call.streamed
        and call.protocol.ping(has_ids=False) is not None
        and call.config.keepalive_seconds
    )


class Keepalive:
    """The pings of one stream. `due` is when the next one is, in seconds on the host's clock."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._has_ids = False
        self.due = call.started + call.config.keepalive_first_seconds if wanted(call) else inf

    def ping(self) -> bytes:
        """The ping that is due now."""
        self._restart()
        return self._call.protocol.ping(self._has_ids) or b""

    def heard(self, piece: bytes) -> None:
        """Take note of a piece of the stream. An answer that is no readable event stream gets no pings."""
        if self.due == inf:
            return
        if self._call.is_sse is False:
            self.due = inf
        elif piece:  # the head alone breaks no silence
            self._has_ids = self._has_ids or (b"id:" in piece and _ID.search(piece) is not None)
            self._restart()

    def _restart(self) -> None:
        self.due = self._call.host.clock.now() + self._call.config.keepalive_seconds
