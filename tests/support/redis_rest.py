"""A server that speaks the REST form of Redis as Upstash documents it, in front of a real Redis.

upstash.com/docs/redis/features/restapi, read 2026-11-27: a command as a JSON array, several at /pipeline, `result` or
`error` in each answer, 400 with an error, 401 without the token.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.upstream import CEILING

TOKEN = "rest-token-of-the-tests"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # head and body at once: apart, the second one would wait for the first one's acknowledgement
    client: redis.Redis

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] != f"Bearer {TOKEN}":
            self._answer(401, {"error": "WRONGPASS invalid or missing auth token"})
        elif self.path == "/pipeline":
            self._answer(200, [self._result(command) for command in body])
        else:
            result = self._result(body)
            self._answer(400 if "error" in result else 200, result)

    def _result(self, command: list[Any]) -> dict[str, Any]:
        try:
            return {"result": self.client.execute_command(*command)}  # type: ignore[no-untyped-call]
        except redis.exceptions.NoScriptError as error:
            return {"error": f"NOSCRIPT {error}"}
        except redis.RedisError as error:
            return {"error": f"ERR {error}"}

    def _answer(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — its base's name
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is no news."""


@contextmanager
def rest_server(redis_port: int) -> Iterator[str]:
    """The address of a server until the end of the `with`."""
    retry = Retry(NoBackoff(), 0)
    with redis.Redis(port=redis_port, decode_responses=True, socket_timeout=CEILING, retry=retry) as client:
        handler = type("Handler", (_Handler,), {"client": client})
        server = _Server(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(CEILING)
