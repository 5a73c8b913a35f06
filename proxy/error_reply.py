"""The answer to a call that relay never saw: a setting is wrong, or what came in was no request."""

from __future__ import annotations

from proxy import log
from proxy.access import headers
from proxy.errors import ProxyError
from proxy.host import Host
from proxy.messages import Headers, Reply


def answer(error: ProxyError, host: Host, asked: Headers | None = None, method: str = "") -> Reply:
    """`error` as a reply that any page may read, with an id, and logged under it.

    A preflight is let through, or no browser would ever show the sentence behind it.
    """
    request_id = host.new_id()
    preflight = method == "OPTIONS" and asked is not None
    reply = Reply(204, headers.preflight(asked or Headers())) if preflight else error_reply(error)
    reply.headers.set("access-control-allow-origin", "*")
    reply.headers.set("x-sluice-request-id", request_id)
    if not preflight:
        told = {"request_id": request_id, "event": error.code, "status": error.status, "message": error.message}
        log.line(host, "info", "error", told)
    return reply


def error_reply(error: ProxyError) -> Reply:
    """Status, headers and body of an error."""
    return Reply(error.status, Headers(error.headers()), error.body())
