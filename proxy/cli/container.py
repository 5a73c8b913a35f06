"""What a container runs: `serve` with the platform's PORT and WEB_CONCURRENCY, and the health check beside it.

A container listens to the whole network, so nothing is made up for it: without a setting that says who may call it
does not start. `DEMO=1` is such a setting too.
"""

from __future__ import annotations

import http.client
import os
import signal
import sys
from collections.abc import Mapping
from typing import NoReturn

from proxy import startup
from proxy.access import auth
from proxy.cli import serve
from proxy.errors import ConfigError

HOST, PORT = "0.0.0.0", 9000
HEALTH_SECONDS = 3.0
_MOST_WORKERS = 64


def main(arguments: list[str]) -> int:
    """`serve` or `health`; the exit code is 0 when all is well, 1 with a sentence when it is not."""
    try:
        port = _whole(os.environ, "PORT", PORT, 65_535)
        if arguments == ["health"]:
            return health(port)
        workers = _whole(os.environ, "WEB_CONCURRENCY", 1, _MOST_WORKERS)
        check(os.environ)
    except ConfigError as error:
        print(f"sluice: {error.message}", file=sys.stderr, flush=True)
        return 1
    # uvicorn raises the signal once more when it has shut down; a container that was told to stop has not failed.
    signal.signal(signal.SIGTERM, _stop)
    return serve.run(HOST, port, demo=False, workers=workers)


def check(environ: Mapping[str, str]) -> None:
    """Raise ConfigError where nobody has said what is served, or to whom."""
    settings = startup.load_with_file(environ)
    if not settings.given & serve.DELIBERATE:
        raise ConfigError(
            "Nothing is set. Set OPENAI_API_KEY (or UPSTREAMS) and PROXY_KEY (or SIGNING_SECRET), or "
            "ACCESS=pass-through for callers with keys of their own, or DEMO=1 to try it."
        )
    if auth.mode(settings) == "closed":
        raise ConfigError(
            "OPENAI_API_KEY is set, but not who may call: set PROXY_KEY to what `openssl rand -hex 16` prints, or "
            "ALLOW_ANONYMOUS=1 to let in everybody."
        )


def health(port: int) -> int:
    """0 where the server on this port answers; a line that says why where it does not."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"sluice: no answer on port {port}: {error}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    if status != 200:
        print(f"sluice: /healthz answers {status}", file=sys.stderr)
        return 1
    return 0


def _whole(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environ.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= most):
        raise ConfigError(f"{name} takes a whole number from 1 to {most}.", param=name)
    return int(text)


def _stop(*_: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
