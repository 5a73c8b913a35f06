"""Opens the socket that `serve` listens on."""

from __future__ import annotations

import errno
import os
import socket

from proxy.errors import ConfigError

_HOSTS = "Use --host 127.0.0.1 for calls from this machine only, or --host 0.0.0.0 for calls from others too."


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at `host`, on `port` or on any free one if it is 0.

    Raises ConfigError with the reason and the remedy if that is not possible.
    """
    try:
        return _listen(host, port)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {_why_not(error, host)}") from None


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio only disables Nagle's algorithm, which delays each body by 40 ms, on sockets whose protocol is TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # On Windows this option would let two servers share a port.
        if os.name != "nt":  # pragma: no branch — tests run on one system at a time
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError):
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener


def _why_not(error: OSError | OverflowError, host: str) -> str:
    """Why the server cannot listen, and what to do about it."""
    if isinstance(error, socket.gaierror):
        return f"{host} is not a name or an address that this machine knows. {_HOSTS}"
    if isinstance(error, OverflowError):
        return "ports range from 0 to 65535. Choose one of them with --port."
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return f"{host} is not an address of this machine. {_HOSTS}"
    if error.errno == errno.EACCES:
        return "only an administrator may use ports below 1024. Choose another one: --port 9001"
    return f"{error.strerror or error}. Choose another port: --port 9001, or --port 0 for any free one."
