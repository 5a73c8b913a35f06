"""uvicorn's h11 connection on our transport, with errors as JSON."""

from __future__ import annotations

import asyncio
import sys

from uvicorn.protocols.http.h11_impl import H11Protocol

from proxy.adapters.server_connection import Refusing, Transport, malformed
from proxy.errors import HeadersTooLarge


class H11Connection(Refusing, H11Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Transport(transport))  # type: ignore[arg-type]
        self.watch()

    def data_received(self, data: bytes) -> None:
        if not self.refused:
            self._received += 1
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Refuse a request. uvicorn calls this while it handles h11's error, which holds the status."""
        status = getattr(sys.exc_info()[1], "error_status_hint", 400)
        self.refuse(HeadersTooLarge() if status == HeadersTooLarge.status else malformed())
