"""An upstream for relay() that does what a test says for each target, by the name that the log has for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.messages import Headers
from proxy.upstream import Answer, Outgoing
from tests.support.core import Body

JSON = (("content-type", "application/json"),)


@dataclass
class Does:
    """One answer: a status with a body, or an error that is raised, after `wait` seconds."""

    status: int = 200
    body: bytes = b'{"ok":1}'
    error: Exception | None = None
    headers: tuple[tuple[str, str], ...] = JSON
    wait: float = 0
    pieces: Sequence[bytes | float | Exception] = ()


@dataclass
class Several:
    """`does` is by target id, or by upstream name; anything else answers with 200. `sent` is every call in order."""

    does: dict[str, Does] = field(default_factory=dict)
    sent: list[Outgoing] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)

    async def send(self, outgoing: Outgoing) -> Answer:
        self.sent.append(outgoing)
        target = outgoing.target
        what = self.does.get(target.id) or self.does.get(target.name) or Does()
        await asyncio.sleep(what.wait)
        if what.error is not None:
            raise what.error
        body = Body(*(what.pieces or (what.body,)))
        self.bodies.append(body)
        return Answer(what.status, Headers(what.headers), body)

    @property
    def asked(self) -> list[str]:
        return [one.target.id for one in self.sent]
