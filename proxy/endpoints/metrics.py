"""`GET /metrics`: counts and times of calls in Prometheus' text form, for the owner."""

from __future__ import annotations

from proxy.access import owner
from proxy.call import Call
from proxy.errors import UnknownPath
from proxy.messages import Headers, Reply

# The version that every Prometheus reads
# (prometheus.io/docs/instrumenting/exposition_formats, read 2026-11-27).
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def answer(call: Call) -> Reply:
    """Answer with the page.

    Raises UnknownPath on a function and for other spellings of the path, NotInstalled where a package is missing, and
    the errors of `owner.admit`.
    """
    page = call.host.metrics_page
    if page is None:
        raise UnknownPath(
            "There are no metrics here: each instance of a function would only show its own. The log has one line for "
            "each call, with the same figures."
        )
    if call.request.path != "/metrics":  # one spelling, which a proxy can close
        raise UnknownPath
    owner.admit(call.request, call.config)
    text = await call.host.clock.offload(page)  # with several processes it reads the files of all
    return Reply(200, Headers([("content-type", _CONTENT_TYPE), ("cache-control", "no-store")]), text)
