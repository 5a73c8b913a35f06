"""Error replies, also for calls that never reach relay: a setting is invalid, or the input is not a request."""

from __future__ import annotations

from proxy import log
from proxy.access import headers
from proxy.errors import ProxyError
from proxy.host import Host
from proxy.messages import Headers, Reply


def answer(error: ProxyError, host: Host, request_headers: Headers | None = None, method: str = "") -> Reply:
    """Return `error` as a reply that every origin may read, and log it under the reply's id.

    A preflight succeeds, because a browser would not show the error after a failed one.
    """
    request_id = host.new_id()
    is_preflight = method == "OPTIONS" and request_headers is not None
    reply = Reply(204, headers.preflight(request_headers or Headers())) if is_preflight else error_reply(error)
    reply.headers.set("access-control-allow-origin", "*")
    reply.headers.set("x-sluice-request-id", request_id)
    if not is_preflight:
        fields = {"request_id": request_id, "event": error.code, "status": error.status, "message": error.message}
        log.line(host, "info", "error", fields)
    return reply


def error_reply(error: ProxyError, body: bytes | None = None) -> Reply:
    """Return the status, headers and body of an error. `body` is that of the caller's protocol, if it has its own."""
    return Reply(error.status, Headers(error.headers()), error.body() if body is None else body)
