"""Tencent SCF web function: our app behind our server on port 9000, started by `scf_bootstrap`.

Sources: cloud.tencent.com/document/product/583/56124 and 583/56126, read 2026-11-23. The server parses with h11:
it starts with the least CPU time and memory of all servers, and httpcore needs h11 anyway (docs/deploy-tencent.md has
the measurements).
"""

from __future__ import annotations

import re

from proxy.adapters import header_limit, server
from proxy.adapters.asgi import App
from proxy.messages import Headers, Request
from proxy.platforms.limits import number

PLATFORM, DOOR = "tencent", "web function"
HOST, PORT = "0.0.0.0", 9000
# The platform's proxy keeps its connections to us. Closing one while it sends a request means a 502 for the caller.
KEEP_ALIVE_SECONDS = 300
# Tencent's names of regions: ap-guangzhou, na-siliconvalley, ap-shanghai-fsi.
_REGION = re.compile(r"[a-z]{2}-[a-z]{3,20}(-[a-z]{2,10})?")


class ScfWebApp(App):
    """The app. The platform's request headers hold the time-out and the region; its proxy limits reply headers."""

    platform = "tencent-scf-web"
    body_limit = int(number(PLATFORM, DOOR, "request body"))
    region_variable = "TENCENTCLOUD_REGION"
    loads_tokens = False
    keeps_metrics = False
    exits_on_config_error = False  # callers of a process that has ended get a bare 405 or 446

    def adapt_request(self, request: Request) -> None:
        """Set the deadline from the function's time-out, and learn the region.

        The region in the environment wins. Without one, the first header that looks like a region does, and no later
        one: callers can send that header too, and /readyz shows the region to everybody.
        """
        region = request.headers.get("x-scf-region") or ""
        if self.host.region is None and _REGION.fullmatch(region):
            self.learn_region(region)
        milliseconds = request.headers.get("x-scf-timeout") or ""
        if milliseconds.isascii() and milliseconds.isdigit() and len(milliseconds) < 10:
            request.deadline = int(milliseconds) / 1000
        request.plain_limit = int(number(PLATFORM, DOOR, "response body, not streamed"))

    def fit_headers(self, headers: Headers) -> None:
        """Drop headers until the rest is within the platform's limit."""
        header_limit.fit(headers, number(PLATFORM, DOOR, "response headers"))


def main() -> None:
    """Serve until the platform stops the instance."""
    server.run(ScfWebApp(), HOST, PORT, KEEP_ALIVE_SECONDS)


if __name__ == "__main__":
    main()
