"""Vercel Functions: our app behind the uvicorn of Vercel's own Python runtime.

Sources: vercel.com/docs/functions/runtimes/python (2026-07-22), and the packages that run it, vercel-runtime 0.24.1
(PyPI) and @vercel/python 25.0.0 (npm), both of 2026-10; all read 2026-11-27.
"""

from __future__ import annotations

import sys
from datetime import datetime

from proxy.adapters.asgi import App
from proxy.messages import Request
from proxy.platforms.limits import number

PLATFORM, DOOR = "vercel", "function"


class VercelApp(App):
    """The app. The platform's runtime knows until when a call may take; the environment names the region."""

    platform = "vercel"
    body_limit = int(number(PLATFORM, DOOR, "request body"))
    region_variable = "VERCEL_REGION"
    loads_tokens = False
    keeps_metrics = False
    exits_on_config_error = False  # callers of a function that does not start get a bare FUNCTION_INVOCATION_FAILED
    writes_at_once = True  # the runtime knows by the call's own task which call a line belongs to

    def adapt_request(self, request: Request) -> None:
        """Set the deadline from the function's maximum duration, if the runtime says when it is over."""
        end = _deadline()
        if end is not None:
            request.deadline = max(0.0, end.timestamp() - self.host.clock.wall())


def _deadline() -> datetime | None:
    """When the platform stops this call. None if its runtime does not say so, which only newer ones do."""
    ask = getattr(sys.modules.get("vercel_runtime"), "get_deadline", None)
    end: datetime | None = ask() if ask else None
    return end


app = VercelApp()
