"""Aliyun Function Compute 3.0, web function: our app behind our server, started by `aliyun_bootstrap`.

Sources, read 2026-11-27: alibabacloud.com/help/en/functioncompute/fc/principles-1 (the server, of 2026-04-01),
help.aliyun.com/en/functioncompute/web-functions (what passes) and …/fc/environment-variables (of 2026-04-15).
"""

from __future__ import annotations

import os
import re

from proxy.adapters import header_limit, server
from proxy.adapters.asgi import App
from proxy.messages import Headers, Request
from proxy.platforms.limits import number

PLATFORM, DOOR = "aliyun", "web function"
HOST, PORT = "0.0.0.0", 9000
# The platform keeps its connections to us. Closing one while it sends a request means a 502 for the caller. Nothing
# says how long it keeps them, so ours stay open for longer than any answer is expected to take.
KEEP_ALIVE_SECONDS = 900
# 1 to 86400. The header is in no document; dumps of requests have it (functions' own time-out, in seconds).
_TIMEOUT = re.compile(r"[1-9][0-9]{0,4}")


class FcApp(App):
    """The app. A request's headers have the function's time-out, and the temporary secrets of its role."""

    platform = "aliyun-fc"
    body_limit = int(number(PLATFORM, DOOR, "request body"))
    region_variable = "FC_REGION"
    loads_tokens = False
    keeps_metrics = False
    exits_on_config_error = False  # callers of a process that has ended get the platform's FunctionNotStarted

    def adapt_request(self, request: Request) -> None:
        """Set the deadline from the function's time-out. Callers cannot send headers that begin with x-fc-."""
        seconds = request.headers.get("x-fc-function-timeout") or ""
        if _TIMEOUT.fullmatch(seconds):
            request.deadline = float(seconds)

    def fit_headers(self, headers: Headers) -> None:
        """Drop headers until the rest is within the platform's limit, above which callers get a 502."""
        header_limit.fit(headers, number(PLATFORM, DOOR, "response headers"))


def main() -> None:
    """Serve until the platform stops the instance, on the port that the function is configured with."""
    server.run(FcApp(), HOST, int(os.environ.get("FC_CUSTOM_LISTEN_PORT") or PORT), KEEP_ALIVE_SECONDS)


if __name__ == "__main__":
    main()
