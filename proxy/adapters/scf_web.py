"""Tencent SCF web function: our ASGI app behind uvicorn on port 9000, started by `scf_bootstrap`.

Sources: cloud.tencent.com/document/product/583/56124 and 583/56126, read 2026-11-23. The server is uvicorn with h11:
of the servers that can be had it starts with the least CPU and memory, and httpcore brings h11 along anyway
(docs/deploy-tencent.md has the figures).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from proxy import log
from proxy.adapters import server
from proxy.adapters.asgi import App, Scope
from proxy.messages import Headers, Request
from proxy.platforms.limits import number
from proxy.settings import regions
from proxy.settings.config import Config
from proxy.transports import ClosableUpstream

PLATFORM, DOOR = "tencent", "web function"
HOST, PORT = "0.0.0.0", 9000
# The platform's own proxy keeps connections to us; one that we close while it sends a request is a 502 for the caller.
KEEP_ALIVE_SECONDS = 300
# What is dropped first when the reply's headers are too many: the last of these is missed most.
DROP_ORDER = (
    "openai-",
    "x-ratelimit-",
    "access-control-expose-headers",
    "etag",
    "accept-ranges",
    "retry-after-ms",
    "content-disposition",
    "x-request-id",
)
# The form of Tencent's regions: ap-guangzhou, na-siliconvalley, ap-shanghai-fsi.
_REGION = re.compile(r"[a-z]{2}-[a-z]{3,20}(-[a-z]{2,10})?")


class ScfWebApp(App):
    """What the platform adds: its headers tell time-out and region; its proxy takes 4 KB of reply headers.

    An answer of a known length that is no event stream may have 6 MB, as for the other kind of function.
    """

    platform = "tencent-scf-web"
    warms_counting = False
    body_limit = int(number(PLATFORM, DOOR, "request body"))
    stops_on_mistake = False  # a process that ends is a bare 405 or 446 to everybody

    def start(self) -> tuple[Config, ClosableUpstream]:
        first = self._config is None
        if first:
            environ: Mapping[str, str] = os.environ if self._environ is None else self._environ
            self.host.region = environ.get("TENCENTCLOUD_REGION") or None
        started = super().start()
        if first and self.host.region:
            self._warn(started[0])
        return started

    def request(self, scope: Scope, request: Request) -> Request:
        """The function's time-out is the deadline; its header counts milliseconds. Learns the region in passing.

        The environment's region is the truth. Without it the first header that can be a region is taken, and no later
        one: a caller may have sent it, and everybody sees the region in /readyz.
        """
        region = request.headers.get("x-scf-region") or ""
        if self.host.region is None and _REGION.fullmatch(region):
            self.host.region = region
            if self._config is not None:
                self._warn(self._config)
        limit = request.headers.get("x-scf-timeout") or ""
        request.plain_limit = int(number(PLATFORM, DOOR, "response body, not streamed"))
        request.deadline = int(limit) / 1000 if limit.isascii() and limit.isdigit() and len(limit) < 10 else None
        return request

    def fit(self, headers: Headers) -> None:
        """Drop headers in DROP_ORDER until names and values are within the platform's ceiling."""
        ceiling = number(PLATFORM, DOOR, "response headers")
        for dropped in DROP_ORDER:
            if _size(headers) <= ceiling:
                return
            headers.remove_all({name for name, _ in headers if name.startswith(dropped)})

    def _warn(self, settings: Config) -> None:
        advice = regions.warning(self.host.region, settings)
        if advice:
            log.line(self.host, settings.log_level, "warning", {"event": "region", "message": advice})


def _size(headers: Headers) -> int:
    """Names, values, and four bytes a line for what stands between them; 200 more for what the server adds."""
    return 200 + sum(len(name) + len(value) + 4 for name, value in headers)


def main() -> None:
    """Serve until the platform stops the instance."""
    import uvicorn

    settings = server.settings(host=HOST, port=PORT, timeout_keep_alive=KEEP_ALIVE_SECONDS)
    uvicorn.Server(uvicorn.Config(ScfWebApp(), **settings)).run()


if __name__ == "__main__":
    main()
