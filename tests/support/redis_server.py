"""A real redis-server on loopback that can be killed, paused and started again, and a cluster of two."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from tests.support.parts import need
from tests.support.process import free_port
from tests.support.upstream import CEILING


class RedisServer:
    """Runs from the start. What it has answered survives a kill, on disk in `folder`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._command = [
            *(need("redis-server"), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", "always", *options),
        ]
        self.start()

    def start(self, port: int = 0) -> None:
        """Start it on this port, or on a free one. Another program may take a free port first: then on the next."""
        until = time.monotonic() + CEILING
        while True:
            self.port = port or free_port()
            self._process = subprocess.Popen([*self._command, "--port", str(self.port)], stdout=subprocess.DEVNULL)
            while self._process.poll() is None:
                assert time.monotonic() < until
                try:
                    assert self.ask("CONFIG", "GET", "port") == {"port": str(self.port)}
                except redis.ConnectionError:  # not yet; and while it reads its file, too
                    time.sleep(0.01)
                    continue
                return
            assert time.monotonic() < until

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def ask(self, *command: str | int) -> Any:
        """The answer to a command."""
        with redis.Redis(port=self.port, decode_responses=True, socket_timeout=CEILING) as client:
            return client.execute_command(*command)

    def raw(self, *command: str) -> str:
        """The answer as redis-cli would print it."""
        with redis.Redis(port=self.port, decode_responses=True, socket_timeout=CEILING) as client:
            client.response_callbacks.clear()
            return str(client.execute_command(*command))

    def kill(self) -> None:
        """End it as a power failure would."""
        self._process.kill()
        self._process.wait(CEILING)

    def restart(self) -> None:
        """Start it again where it was, after `kill`."""
        self.start(self.port)

    def pause(self) -> None:
        """It takes connections, and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    """A server until the end of the `with`."""
    server = RedisServer(folder, *options)
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[RedisServer, RedisServer]]:
    """Two servers that share the slots."""
    slots = ((0, 8_191), (8_192, 16_383))
    with ExitStack() as stack:
        servers = []
        for number, half in enumerate(slots):
            (folder / str(number)).mkdir()
            servers.append(stack.enter_context(redis_server(folder / str(number), "--cluster-enabled", "yes")))
            servers[number].ask("CLUSTER", "ADDSLOTSRANGE", *half)
        servers[0].ask("CLUSTER", "MEET", "127.0.0.1", servers[1].port)
        until = time.monotonic() + CEILING
        while not all("cluster_state:ok" in one.raw("CLUSTER", "INFO") for one in servers):
            assert time.monotonic() < until
            time.sleep(0.05)
        yield servers[0], servers[1]
