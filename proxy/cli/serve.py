"""`python -m proxy serve`: run the relay on this machine with uvicorn."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import sys
from urllib.parse import urlsplit

from proxy import startup
from proxy.adapters import log_output, server
from proxy.adapters.asgi import App
from proxy.cli.env_file import EnvFile
from proxy.cli.lambda_simulator import LambdaFront
from proxy.cli.listener import listen
from proxy.endpoints.default_model import first_model, served_apis
from proxy.errors import ConfigError
from proxy.metrics import shared_files
from proxy.settings import config, single_upstreams
from proxy.settings.provider_apis import APIS
from proxy.wire.path_table import GEMINI, MESSAGES, OPENAI

_NO_ENV_FILE = EnvFile()
# How long running streams may continue after the first Ctrl-C or SIGTERM. A second one ends them at once.
GRACE_SECONDS = 30
# Whoever sets one of these wants a real endpoint, or has asked for the demo.
DELIBERATE = {
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "GEMINI_API_KEY"),
    *("GEMINI_BASE_URL", "UPSTREAMS", "PROXY_KEY", "SIGNING_SECRET", "ACCESS", "DEMO"),
}
# How to start the coding agents that one line can point here. docs/agents.md has the others.
_AGENTS = {
    MESSAGES: "ANTHROPIC_BASE_URL={base} ANTHROPIC_AUTH_TOKEN={key} claude",
    GEMINI: "GOOGLE_GEMINI_BASE_URL={base} GEMINI_API_KEY={key} gemini\n    In Gemini CLI, choose: Use Gemini API Key.",
}
_ACCESS = {
    "open": "open: no key needed",
    "closed": "closed: every call is refused",
    "proxy-key": "callers send the proxy key; this server sends its own key upstream",
    "own-key": "pass-through: callers send their own provider key",
    "own-key-and-proxy-key": "callers send <their provider key>:<proxy key>",
}


def run(
    host: str,
    port: int,
    demo: bool,
    kind: str = "server",
    workers: int = 1,
    *,
    env_file: EnvFile = _NO_ENV_FILE,
) -> int:
    """Serve until stopped. Returns 1 with a message on stderr if the server cannot start.

    `kind` is `server`, or `lambda-stream` for the streaming Lambda function behind a simulator. `workers` is the number
    of processes that share the port. `env_file` says which settings the environment has from `.env`.
    """
    try:
        with shared_files.temporary_folder(workers) as folder:
            return _run(host, port, demo, kind, workers, env_file=env_file, folder=folder)
    except ConfigError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 1


def _run(host: str, port: int, demo: bool, kind: str, workers: int, *, env_file: EnvFile, folder: str | None) -> int:
    """As `run`, with the `folder` in which several processes share their metrics. Raises ConfigError."""
    try:
        import uvicorn
    except ModuleNotFoundError:
        print("sluice: uvicorn is not installed. Run `make setup`, or: pip install uvicorn", file=sys.stderr)
        return 1
    environ = dict(os.environ)
    settings, temporary_key = prepare(environ, demo)
    check_addresses(settings, host, port)
    check_store(settings)
    app = LambdaFront(environ) if kind == "lambda-stream" else started(App(environ))
    listener = listen(host, port)
    write = log_output.queue()  # stdout may be blocked or closed
    write(banner(settings, host, listener.getsockname()[1], temporary_key, env_file))
    options = server.settings(
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,  # longer than common clients, which would otherwise reuse a closed connection
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises Ctrl-C again after its shutdown
        if workers > 1:
            from proxy.cli.workers import Workers

            os.environ.update(environ)  # the workers need what prepare() added
            worker_config = uvicorn.Config(f"{__name__}:worker", factory=True, workers=workers, **options)
            Workers(worker_config, listener, folder).run()
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
    if settings.access_mode == "closed":
        # Any web page in the same browser can call 127.0.0.1, and must not be able to spend the owner's money.
        environ["PROXY_KEY"] = temporary_key = f"local-{secrets.token_urlsafe(18)}"
        return startup.load_with_file(environ), temporary_key
    return settings, None


def check_addresses(settings: config.Config, host: str, port: int) -> None:
    """Raise ConfigError if an upstream is this server itself: each call would come back to it until all fail.

    Whoever uses a coding agent through this server may have its ANTHROPIC_BASE_URL in the shell that starts the server.
    """
    for provider in () if settings.demo else settings.providers:
        places = [(api, place.base_url) for api in APIS if (place := provider.api(api)) is not None]
        for field, address in (("base_url", provider.base_url), *places):
            parts = urlsplit(address)
            if (parts.port or {"http": 80, "https": 443}[parts.scheme]) == port and _is_here(parts.hostname, host):
                setting = single_upstreams.setting_of(provider.name, field)
                raise ConfigError(
                    f"{setting} is this server's own address ({address}), so calls would never leave it. Point it to "
                    "the provider, or unset it where this server starts.",
                    param=setting,
                )


def check_store(settings: config.Config) -> None:
    """Raise ConfigError if STORE's file cannot be made: every call with a budget would fail, and only then say why."""
    if (folder := startup.store_folder(settings)) is None:
        return
    if not folder.is_dir():
        raise ConfigError(
            f"STORE names a file in {folder}, which does not exist. Make this folder first.", param="STORE"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"STORE names a file in {folder}, where this user may not write.", param="STORE")


def _is_here(name: str | None, host: str) -> bool:
    """Whether `name` is a server that listens at `host`."""
    return name == host or (_is_local(name or "") and _is_local(host))


def _is_local(host: str) -> bool:
    """Whether a host is the loopback interface, or all interfaces."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified


def banner(
    settings: config.Config, host: str, port: int, temporary_key: str | None, env_file: EnvFile = _NO_ENV_FILE
) -> str:
    """What to paste into apps, and who may call. Never shows a configured key."""
    shown = f"[{host}]" if ":" in host else host
    base = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else shown}:{port}"
    proxy_key = "$PROXY_KEY" if settings.proxy_key else "$SIGNED_KEY"
    key = temporary_key or {
        "open": "any-text",
        "proxy-key": proxy_key,
        "own-key": "$YOUR_PROVIDER_KEY",
        "own-key-and-proxy-key": "$YOUR_PROVIDER_KEY:$PROXY_KEY",
    }.get(settings.access_mode, "")
    if temporary_key:
        hint = "     (for this run only)"
    elif key == "$SIGNED_KEY":
        hint = "     (create one: python -m proxy keys mint --name me)"
    else:
        hint = _where_from(key, env_file)
    upstream = _upstreams(settings)
    sources = f"\n  .env       {env_file.summary}" if env_file.summary else ""
    warnings = "".join(f"\n  Warning    {message}" for message in startup.warnings(settings))
    return f"""Sluice is running.
  Base URL   {base}/v1     (apps that add /v1 themselves: {base})
  API key    {key}{hint}
  Access     {_access(settings)}
  Upstream   {upstream}{sources}{warnings}
{_examples(settings, base, key)}Ctrl-C stops it; running streams get {GRACE_SECONDS} seconds to finish."""


def _examples(settings: config.Config, base: str, key: str) -> str:
    """Commands that call this server: curl, and the coding agents whose API it serves."""
    apis, text = served_apis(settings), ""
    if OPENAI in apis:
        text += f"""Try it:
  curl -N {base}/v1/chat/completions -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
    -d '{{"model": "{first_model(settings)}", "stream": true, "messages": [{{"role": "user", "content": "Hello"}}]}}'
"""
    lines = [f"  {line.format(base=base, key=key)}\n" for api, line in _AGENTS.items() if api in apis]
    return text + ("Coding agents (more: docs/agents.md):\n" + "".join(lines) if lines else "")


def _where_from(key: str, env_file: EnvFile) -> str:
    """Which file has the proxy key, if the shell in which the line is pasted does not have it."""
    if "$PROXY_KEY" not in key:
        return ""
    if "PROXY_KEY" in env_file.used:
        return "     (the one in .env)"
    return "" if os.environ.get("PROXY_KEY") else "     (the one in sluice.toml)"


def _access(settings: config.Config) -> str:
    """Who may call. The demo has no key to send upstream."""
    access = _ACCESS[settings.access_mode]
    if settings.signing_secret:
        access = access.replace(
            "the proxy key", "the proxy key or a signed key" if settings.proxy_key else "a signed key"
        )
    return access.partition(";")[0] if settings.demo else access


def _upstreams(settings: config.Config) -> str:
    """The upstreams' addresses, with their names if there are several. Skips API2D without keys: it is a default."""
    if settings.demo:
        return "the embedded demo (model: demo)" + ("" if startup.unused_in_demo(settings) else "; no key is set")
    shown = [provider for provider in settings.providers if provider.keys or not provider.key_prefixes]
    if len(shown) == 1:
        return shown[0].base_url
    return ", ".join(f"{provider.name} {provider.base_url}" for provider in shown)
