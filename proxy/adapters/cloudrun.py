"""Google Cloud Run: our app behind our server, started by the bundle's Procfile or by the image.

Sources, read 2026-11-27: docs.cloud.google.com/run/docs/container-contract (port, variables, the end of an instance),
docs.cloud.google.com/run/quotas and docs.cloud.google.com/run/docs/configuring/request-timeout.
"""

from __future__ import annotations

import os
import re

from proxy.adapters import server
from proxy.adapters.asgi import App
from proxy.messages import Headers, Request
from proxy.platforms.limits import number

PLATFORM, DOOR = "cloudrun", "service"
HOST, PORT = "0.0.0.0", 8080
# The platform's proxy keeps its connections to us, and nothing says how long. Closing one while it sends a request is a
# 503 for the caller, so ours stay open for longer than any call may take.
KEEP_ALIVE_SECONDS = 3900
# SIGKILL follows SIGTERM after 10 s. Calls that still run get this long, so that what they have used can be booked and
# logged afterwards: a store that cannot be reached takes 5 s more (proxy/cost/bookings.py).
GRACE_SECONDS = 4
_MAX_WHOLE = int(number(PLATFORM, DOOR, "response body, not streamed"))
_TIMEOUT = re.compile(r"[1-9][0-9]{0,3}")  # 1 to 3600


class CloudRunApp(App):
    """The app. The platform sets the service's time-out as a variable, which is in no document of its own.

    Without a time-out that can be read, the platform's default of 300 s holds: an answer that ends early, and says so,
    is better than one that breaks off. `CLOUD_RUN_REGION` is no variable of the platform's; the deploy files set it.
    """

    platform = "cloudrun"
    body_limit = int(number(PLATFORM, DOOR, "request body"))
    region_variable = "CLOUD_RUN_REGION"
    loads_tokens = False
    keeps_metrics = False
    exits_on_config_error = False  # a revision that does not start says in its logs alone what is missing
    writes_at_once = True  # between calls an instance has next to no CPU time for a queue's thread

    def adapt_request(self, request: Request) -> None:
        """Set the deadline from the service's time-out."""
        seconds = self._environ.get("CLOUD_RUN_TIMEOUT_SECONDS", "")
        request.deadline = float(seconds) if _TIMEOUT.fullmatch(seconds) else number(PLATFORM, DOOR, "time-out")

    def fit_headers(self, headers: Headers) -> None:
        """Send an answer that is too large for one piece in chunks, which have no limit."""
        length = headers.get("content-length") or ""
        if length.isascii() and length.isdigit() and int(length) > _MAX_WHOLE:
            headers.remove("content-length")


def main() -> None:
    """Serve until the platform stops the instance, on the port that it names."""
    server.run(CloudRunApp(), HOST, int(os.environ.get("PORT") or PORT), KEEP_ALIVE_SECONDS, GRACE_SECONDS)


if __name__ == "__main__":
    main()
