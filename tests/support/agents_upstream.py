"""An upstream for coding agents: it speaks four APIs, insists on its key, and fails once as its scenario says."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support import agents_session
from tests.support.agents_dialects import TEXT, Chat, Dialect, Json, Responses
from tests.support.agents_dialects_more import Gemini, Messages
from tests.support.agents_tools import shell_call

KEY = "sk-upstream-0123456789abcdef"
SCENARIOS = ("question", "tool", "silence", "cut", "busy", "wrong_key")
# Before the first event and in the middle of a text.
SILENCE_SECONDS = 1.6
PATHS: dict[str, Dialect] = {"/v1/chat/completions": Chat(), "/v1/responses": Responses(), "/v1/messages": Messages()}


@dataclass
class Received:
    """One request. `body` is None where there was none; bytes that are no JSON stay bytes.

    `sent` is how many bytes of a stream have answered it.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    sent: int = 0


@dataclass
class AgentUpstream:
    """A running upstream. `received` holds every request since `play`, in the order of arrival.

    `work` is the folder that the agent works in.
    """

    scenario: str = "question"
    work: Path = Path()
    received: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._failed = False
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.upstream = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def play(self, scenario: str, work: Path) -> None:
        """Forget what was, and follow this scenario from its beginning."""
        with self._lock:
            self.scenario, self.work, self.received, self._failed = scenario, work, [], False

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def record(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Received:
        """Keep a request."""
        value: Any = body or None
        with contextlib.suppress(ValueError):
            value = json.loads(body) if body else None
        parts = urlsplit(target)
        seen = Received(method, parts.path, parts.query, headers, value)
        with self._lock:
            self.received.append(seen)
        return seen

    def fails_now(self, scenario: str, tools: bool) -> bool:
        """Whether this call is the one that goes wrong: the first that offers tools, not a title's or the like."""
        with self._lock:
            if self.scenario != scenario or self._failed or not tools:
                return False
            self._failed = True
            return True


@contextlib.contextmanager
def agent_upstream() -> Iterator[AgentUpstream]:
    """An upstream for the length of a `with`."""
    upstream = AgentUpstream()
    try:
        yield upstream
    finally:
        upstream.close()


def dialect_of(path: str, headers: dict[str, str]) -> Dialect | None:
    """The API that a path belongs to."""
    if path.startswith("/v1beta/"):
        return Gemini()
    if path.startswith("/v1/models"):
        return Messages() if "anthropic-version" in headers else Chat()
    return next((dialect for start, dialect in PATHS.items() if path.startswith(start)), None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: AgentUpstream


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the name is the base class's
        """Print nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        seen = self.server.upstream.record(self.command, self.path, headers, body)
        dialect = dialect_of(seen.path, headers)
        if dialect is None:
            self._whole(404, {"error": {"message": f"Nothing is at {seen.path}.", "type": "not_found"}})
        elif dialect.key(headers) != KEY:
            status = dialect.refused_status
            self._whole(status, dialect.error(status, "API key not valid. Please pass a valid API key."))
        elif headers.get("upgrade", "").lower() == "websocket":
            self._whole(426, {"error": {"message": "No WebSocket here.", "type": "invalid_request_error"}})
        elif "models" in seen.path and self.command != "POST":
            self._whole(200, {"object": "list", "data": [], "has_more": False, "models": []})
        elif seen.path.endswith(("count_tokens", ":countTokens")):
            self._whole(200, {"input_tokens": 11, "totalTokens": 11})
        else:
            self._generate(dialect, seen)

    def _generate(self, dialect: Dialect, seen: Received) -> None:
        upstream = self.server.upstream
        body = seen.body
        tools = dialect.tools(body)
        model = body.get("model") or seen.path.rpartition("/")[2].partition(":")[0]
        if upstream.fails_now("busy", bool(tools)):
            status = dialect.busy_status
            self._whole(status, dialect.error(status, "Too many calls. Please try again."))
            return
        if upstream.scenario == agents_session.SESSION and tools and body.get("stream"):
            self._stream(seen, agents_session.events(body, tools, upstream.work), silent=False, cut=False)
            return
        wants_tool = upstream.scenario == "tool" and tools and not dialect.outputs(body)
        call = shell_call(tools) if wants_tool else None
        if not (body.get("stream") or seen.path.endswith(":streamGenerateContent")):
            self._whole(200, dialect.whole(model, call))
            return
        silent = upstream.scenario == "silence" and bool(tools)
        self._stream(seen, dialect.events(model, call), silent, cut=upstream.fails_now("cut", bool(tools)))

    def _stream(self, seen: Received, events: list[bytes], silent: bool, cut: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if silent:
            time.sleep(SILENCE_SECONDS)
        for event in events:
            self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            seen.sent += len(event)
            if TEXT[1].encode() in event and TEXT[2].encode() not in event:
                if cut:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if silent:
                    time.sleep(SILENCE_SECONDS)
        self.wfile.write(b"0\r\n\r\n")

    def _whole(self, status: int, value: Json) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
