"""The container's commands: `serve` with the platform's PORT and WEB_CONCURRENCY, and a health check.

A container listens on all interfaces, so it gets no temporary key: it refuses to start until a setting says who may
call. `DEMO=1` is such a setting too.
"""

from __future__ import annotations

import http.client
import os
import signal
import sys
from collections.abc import Mapping
from typing import NoReturn

from proxy import startup
from proxy.cli import serve
from proxy.cli.process_count import MAX_PROCESSES
from proxy.errors import ConfigError

HOST, PORT = "0.0.0.0", 9000
HEALTH_SECONDS = 3.0


def main(arguments: list[str]) -> int:
    """Run `serve` or `health`. Returns 0 on success, 1 with a message otherwise."""
    try:
        port = _integer(os.environ, "PORT", PORT, 65_535)
        if arguments == ["health"]:
            return health(port)
        workers = _integer(os.environ, "WEB_CONCURRENCY", 1, MAX_PROCESSES)
        check(os.environ)
    except ConfigError as error:
        print(f"sluice: {error.message}", file=sys.stderr, flush=True)
        return 1
    if "K_SERVICE" in os.environ:  # Google Cloud Run, in whose variables nothing names the region or several processes
        from proxy.adapters import cloudrun

        cloudrun.main()
        return 0
    # uvicorn raises the signal again after its shutdown. A container that was told to stop has not failed.
    signal.signal(signal.SIGTERM, _stop)
    return serve.run(HOST, port, demo=False, workers=workers)


def check(environ: Mapping[str, str]) -> None:
    """Raise ConfigError unless the settings say what to serve, and to whom."""
    settings = startup.load_with_file(environ)
    if not settings.given & serve.DELIBERATE:
        raise ConfigError(
            "No settings. Set OPENAI_API_KEY (or ANTHROPIC_API_KEY, GEMINI_API_KEY, UPSTREAMS) and PROXY_KEY (or "
            "SIGNING_SECRET), or ACCESS=pass-through for callers with their own keys, or DEMO=1 to try it."
        )
    if settings.access_mode == "closed":
        raise ConfigError(
            "A provider's key is set, but nothing says who may call. Set PROXY_KEY to the output of "
            "`openssl rand -hex 16`, or ALLOW_ANONYMOUS=1 to let everyone in."
        )


def health(port: int) -> int:
    """Returns 0 if the server on this port is alive, otherwise 1 with a message."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"sluice: no response on port {port}: {error}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    if status != 200:
        print(f"sluice: /healthz returned {status}", file=sys.stderr)
        return 1
    return 0


def _integer(environ: Mapping[str, str], name: str, default: int, maximum: int) -> int:
    text = environ.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= maximum):
        raise ConfigError(f"{name} must be a whole number between 1 and {maximum}.", param=name)
    return int(text)


def _stop(*_: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
