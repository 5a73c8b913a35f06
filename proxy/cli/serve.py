"""`python -m proxy serve`: run the relay on this machine with uvicorn."""

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

# How long running streams may continue after the first Ctrl-C or SIGTERM. A second one ends them at once.
GRACE_SECONDS = 30
# Whoever sets one of these wants a real endpoint, or has asked for the demo.
DELIBERATE = {"OPENAI_API_KEY", "OPENAI_BASE_URL", "UPSTREAMS", "PROXY_KEY", "SIGNING_SECRET", "ACCESS", "DEMO"}
_ACCESS = {
    "open": "open: no key needed",
    "closed": "closed: every call is refused",
    "proxy-key": "callers send the proxy key; this server sends its own key upstream",
    "own-key": "pass-through: callers send their own provider key",
    "own-key-and-proxy-key": "callers send <their provider key>:<proxy key>",
}


def run(host: str, port: int, demo: bool, kind: str = "server", workers: int = 1) -> int:
    """Serve until stopped. Returns 1 with a message on stderr if the server cannot start.

    `kind` is `server`, or `lambda-stream` for the streaming Lambda function behind a simulator. `workers` is the number
    of processes that share the port.
    """
    try:
        import uvicorn
    except ModuleNotFoundError:
        print("sluice: uvicorn is not installed. Run `make setup`, or: pip install uvicorn", file=sys.stderr)
        return 1
    environ = dict(os.environ)
    try:
        settings, temporary_key = prepare(environ, demo)
        app = LambdaFront(environ) if kind == "lambda-stream" else started(App(environ))
        listener = _listen(host, port)
    except ConfigError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 1
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "ports range from 0 to 65535"
        print(
            f"sluice: cannot listen on {host}:{port}: {why}. Choose another port: python dev.py run --port 9001, or "
            "--port 0 for any free one.",
            file=sys.stderr,
        )
        return 1
    write = log_output.queue()  # stdout may be blocked or closed
    write(banner(settings, host, listener.getsockname()[1], temporary_key))
    options = server.settings(
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,  # longer than common clients, which would otherwise reuse a closed connection
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises Ctrl-C again after its shutdown
        if workers > 1:
            from uvicorn.supervisors import Multiprocess

            os.environ.update(environ)  # the workers need what prepare() added
            worker_config = uvicorn.Config(f"{__name__}:worker", factory=True, workers=workers, **options)
            Multiprocess(worker_config, sockets=[listener]).run()
        else:
            uvicorn.Server(uvicorn.Config(app, **options)).run(sockets=[listener])
    return 0


def worker() -> App:
    """Create the app inside a worker process."""
    return started(App(os.environ))


def started(app: App) -> App:
    """Start `app` now, so that start-up errors are reported before anything else. Raises ConfigError."""
    app.start()
    return app


def prepare(environ: dict[str, str], demo: bool) -> tuple[config.Config, str | None]:
    """Adapt `environ` to a run on this machine. Returns the settings and the temporary proxy key, if any.

    Raises ConfigError.
    """
    settings = startup.load_with_file(environ)
    if demo or not settings.given & DELIBERATE:
        environ["DEMO"] = "1"
        return startup.load_with_file(environ), None
    if auth.mode(settings) == "closed":
        # Any web page in the same browser can call 127.0.0.1, and must not be able to spend the owner's money.
        environ["PROXY_KEY"] = temporary_key = f"local-{secrets.token_urlsafe(18)}"
        return startup.load_with_file(environ), temporary_key
    return settings, None


def banner(settings: config.Config, host: str, port: int, temporary_key: str | None) -> str:
    """What to paste into apps, and who may call. Never shows a configured key."""
    shown = f"[{host}]" if ":" in host else host
    base = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else shown}:{port}"
    proxy_key = "$PROXY_KEY" if settings.proxy_key else "$SIGNED_KEY"
    key = temporary_key or {
        "open": "any-text",
        "proxy-key": proxy_key,
        "own-key": "$YOUR_PROVIDER_KEY",
        "own-key-and-proxy-key": "$YOUR_PROVIDER_KEY:$PROXY_KEY",
    }.get(auth.mode(settings), "")
    if temporary_key:
        hint = "     (for this run only)"
    elif key == "$SIGNED_KEY":
        hint = "     (create one: python -m proxy keys mint --name me)"
    else:
        hint = "     (the one in sluice.toml)" if "$PROXY_KEY" in key and not os.environ.get("PROXY_KEY") else ""
    upstream = "the embedded demo (model: demo); no key is set" if settings.demo else _upstreams(settings)
    model = first_model(settings)
    warnings = "".join(f"\n  Warning    {message}" for message in startup.warnings(settings))
    return f"""Sluice is running.
  Base URL   {base}/v1     (apps that add /v1 themselves: {base})
  API key    {key}{hint}
  Access     {_ACCESS[auth.mode(settings)]}
  Upstream   {upstream}{warnings}
Try it:
  curl -N {base}/v1/chat/completions -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
    -d '{{"model": "{model}", "stream": true, "messages": [{{"role": "user", "content": "Hello"}}]}}'
Ctrl-C stops it; running streams get {GRACE_SECONDS} seconds to finish."""


def _upstreams(settings: config.Config) -> str:
    """The upstreams' addresses, with their names if there are several. Skips API2D without keys: it is a default."""
    shown = [provider for provider in settings.providers if provider.keys or not provider.key_prefixes]
    if len(shown) == 1:
        return shown[0].base_url
    return ", ".join(f"{provider.name} {provider.base_url}" for provider in shown)


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
