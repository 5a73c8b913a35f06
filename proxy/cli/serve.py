"""`python -m proxy serve`: the relay on one's own machine, with uvicorn."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys

from proxy import startup
from proxy.access import auth
from proxy.adapters import log_output, server
from proxy.adapters.asgi import App
from proxy.cli.lambda_simulator import LambdaFront
from proxy.endpoints.default_model import first_model
from proxy.errors import ConfigError
from proxy.settings import config

# How long running streams may go on after the first Ctrl-C or SIGTERM; a second one ends them at once.
GRACE_SECONDS = 30
# Whoever sets one of these means the real thing, or has said what is meant.
DELIBERATE = {"OPENAI_API_KEY", "OPENAI_BASE_URL", "UPSTREAMS", "PROXY_KEY", "SIGNING_SECRET", "ACCESS", "DEMO"}
_ACCESS = {
    "open": "open: no key is asked for",
    "closed": "closed",
    "proxy-key": "callers send the proxy key; calls go up with this server's key",
    "own-key": "pass-through: callers send their own provider key",
    "own-key-and-proxy-key": "callers send <their provider key>:<proxy key>",
}


def run(host: str, port: int, demo: bool, kind: str = "server", workers: int = 1) -> int:
    """Serve until stopped. Returns 1 with a sentence on stderr when that cannot begin.

    `kind` is `server`, or `lambda-stream` for the streaming Lambda function behind a simulator. `workers` is the number
    of processes that share the port.
    """
    try:
        import uvicorn
    except ModuleNotFoundError:
        print("sluice: uvicorn is not installed. `make setup` installs it, or: pip install uvicorn", file=sys.stderr)
        return 1
    environ = dict(os.environ)
    try:
        settings, made_up = prepare(environ, demo)
        app = LambdaFront(environ) if kind == "lambda-stream" else started(App(environ))
        listener = _listen(host, port)
    except ConfigError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 1
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "ports go from 0 to 65535"
        print(
            f"sluice: cannot listen on {host}:{port}: {why}. Take another one: python dev.py run --port 9001, or "
            "--port 0 for a free one.",
            file=sys.stderr,
        )
        return 1
    log_output.queue()(banner(settings, host, listener.getsockname()[1], made_up))  # it may be a dead one
    more = server.settings(
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,  # longer than the pools of the usual clients, which would meet a closed connection
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises Ctrl-C once more when it has shut down
        if workers > 1:
            from uvicorn.supervisors import Multiprocess

            os.environ.update(environ)  # what was filled in belongs to the workers too
            shared = uvicorn.Config(f"{__name__}:worker", factory=True, workers=workers, **more)
            Multiprocess(shared, sockets=[listener]).run()
        else:
            uvicorn.Server(uvicorn.Config(app, **more)).run(sockets=[listener])
    return 0


def worker() -> App:
    """The app of one of several processes, made in it."""
    return started(App(os.environ))


def started(app: App) -> App:
    """`app` with what can go wrong at start-up done, so that it is told before anything else is. Raises ConfigError."""
    app.start()
    return app


def prepare(environ: dict[str, str], demo: bool) -> tuple[config.Config, str | None]:
    """Fill in what running on one's own machine needs; the made-up proxy key, if there is one. Raises ConfigError."""
    settings = startup.load_with_file(environ)
    if demo or not settings.given & DELIBERATE:
        environ["DEMO"] = "1"
        return startup.load_with_file(environ), None
    if auth.mode(settings) == "closed":
        # A page in the same browser can call 127.0.0.1 too, and must not be able to spend the owner's money.
        environ["PROXY_KEY"] = made_up = f"local-{secrets.token_urlsafe(18)}"
        return startup.load_with_file(environ), made_up
    return settings, None


def banner(settings: config.Config, host: str, port: int, made_up: str | None) -> str:
    """What to paste, and who gets in. A key that was configured is not repeated."""
    shown = f"[{host}]" if ":" in host else host
    base = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else shown}:{port}"
    proxy_key = "$PROXY_KEY" if settings.proxy_key else "$MINTED_KEY"
    key = made_up or {
        "open": "any-text",
        "proxy-key": proxy_key,
        "own-key": "$YOUR_PROVIDER_KEY",
        "own-key-and-proxy-key": "$YOUR_PROVIDER_KEY:$PROXY_KEY",
    }.get(auth.mode(settings), "")
    if made_up:
        hint = "     (made up for this run only)"
    elif key == "$MINTED_KEY":
        hint = "     (one that you mint: python -m proxy keys mint --name me)"
    else:
        hint = "     (the one in sluice.toml)" if "$PROXY_KEY" in key and not os.environ.get("PROXY_KEY") else ""
    upstream = "the embedded demo (model: demo), no key is set" if settings.demo else _upstreams(settings)
    model = first_model(settings)
    warned = "".join(f"\n  Warning    {one}" for one in startup.warnings(settings))
    return f"""Sluice is running.
  Base URL   {base}/v1     (apps that add /v1 themselves: {base})
  API key    {key}{hint}
  Access     {_ACCESS[auth.mode(settings)]}
  Upstream   {upstream}{warned}
Try it:
  curl -N {base}/v1/chat/completions -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
    -d '{{"model": "{model}", "stream": true, "messages": [{{"role": "user", "content": "Hello"}}]}}'
Ctrl-C stops it; running answers get {GRACE_SECONDS} seconds to finish."""


def _upstreams(settings: config.Config) -> str:
    """Their addresses, each with its name where there are several. API2D's, which waits for keys of its own, not."""
    shown = [one for one in settings.providers if one.keys or not one.key_prefixes]
    return ", ".join(one.base_url if len(shown) == 1 else f"{one.name} {one.base_url}" for one in shown)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # TCP by name: asyncio looks at it before it switches Nagle's algorithm off, which would hold each body back 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # On Windows this option would let two servers share a port instead of only reusing a closed one.
        if os.name != "nt":  # pragma: no branch — tests run on one system at a time
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError):
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener
