"""The route to a host, step by step: DNS, TCP, TLS. The first step that fails says why and ends the check."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from urllib.parse import urlsplit

from proxy.cli.doctor.report import Report
from proxy.transports.outbound import OutboundProxy, proxy_for

CONNECT_SECONDS = 10.0
RENEW_DAYS = 14
_DAY = 86_400
_EXPIRED, _NOT_YET, _HOSTNAME = 10, 9, 62  # X509_V_ERR_… (docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error)


def examine(url: str, report: Report, context: ssl.SSLContext, upstream: bool = False, direct: bool = False) -> bool:
    """Whether the host of `url` can be reached from here.

    `upstream` says that it is a provider's, so that the advice names settings. `direct` ignores outbound proxies in
    the environment.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    if not direct and (proxy := proxy_for(url)) is not None:
        return _by_proxy(proxy, report, upstream)
    report.progress(f"DNS {host}")
    started = time.monotonic()
    try:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        report.add("dns.upstream" if upstream else "dns.failed", host=host)
        return False
    report.add("dns.ok", host=host, ms=_ms(started), addresses=sorted({str(entry[4][0]) for entry in resolved}))
    report.progress(f"TCP {host}:{port}")
    started = time.monotonic()
    try:
        connection = socket.create_connection((host, port), CONNECT_SECONDS)
    except OSError as error:
        report.add("tcp.upstream" if upstream else "tcp.failed", host=host, port=port, why=_why(error))
        return False
    with connection:
        report.add("tcp.ok", host=host, port=port, ms=_ms(started))
        return not secure or _shake_hands(connection, host, report, context)


def _by_proxy(proxy: OutboundProxy, report: Report, upstream: bool) -> bool:
    """Whether the outbound proxy can be reached. DNS, TCP and TLS beyond it are the proxy's business."""
    values = {"proxy": proxy.shown, "variable": proxy.variable}
    if not proxy.is_usable:
        report.add("proxy.upstream" if upstream else "proxy.unusable", **values)
        return False
    parts = urlsplit(proxy.url)
    report.progress(f"TCP {proxy.shown}")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:
        why = _why(error) if isinstance(error, OSError) else "DNS"
        report.add("proxy.dead_upstream" if upstream else "proxy.dead", why=why, **values)
        return False
    report.add("way.proxied", **values)
    return True


def _shake_hands(connection: socket.socket, host: str, report: Report, context: ssl.SSLContext) -> bool:
    report.progress(f"TLS {host}")
    try:
        with context.wrap_socket(connection, server_hostname=host) as secured:
            certificate, version = secured.getpeercert() or {}, secured.version()
            with contextlib.suppress(OSError):  # the peer may close without waiting for our close_notify
                secured.unwrap()
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in (_EXPIRED, _NOT_YET):
            report.add("tls.expired", host=host)
        elif error.verify_code == _HOSTNAME or "match" in error.verify_message:
            report.add("tls.name", host=host)
        else:
            report.add("tls.untrusted", host=host, why=error.verify_message)
        return False
    except OSError as error:
        report.add("tls.failed", host=host, why=_why(error))
        return False
    seconds_left = ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()
    days = int(seconds_left // _DAY)
    report.add("tls.soon" if days < RENEW_DAYS else "tls.ok", host=host, days=days, version=version)
    return True


def _why(error: OSError) -> str:
    return "timeout" if isinstance(error, TimeoutError) else error.strerror or str(error)


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
