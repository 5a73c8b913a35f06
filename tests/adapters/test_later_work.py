"""Work that nobody waits for."""

from __future__ import annotations

import asyncio

from proxy.adapters.asgi import App
from proxy.adapters.asgi_http import Message
from proxy.adapters.later_work import LATER_SECONDS, LaterWork
from proxy.adapters.log_output import QueuedOutput
from proxy.messages import Headers, Request
from tests.support.upstream import CEILING


def test_later_work_is_done_together_and_what_fails_leaves_the_rest_alone() -> None:
    done: list[int] = []

    def fail() -> None:
        raise ValueError("on purpose")

    async def go() -> list[object]:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
        later = LaterWork(asyncio.get_running_loop())
        for work in (lambda: done.append(1), fail, lambda: done.append(2)):
            later(work)
        assert not done
        two_are_done = asyncio.Event()
        later(two_are_done.set)
        await asyncio.wait_for(two_are_done.wait(), CEILING)
        later(lambda: done.append(3))
        later.flush()
        later.flush()
        assert done == [1, 2, 3]
        await asyncio.sleep(2 * LATER_SECONDS)  # its timer finds nothing
        return failures

    failures = asyncio.run(go())
    assert done == [1, 2, 3] and [str(failure) for failure in failures] == ["on purpose"]


class Recorded(QueuedOutput):
    """A server's output that keeps what is queued."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)


def test_lines_wait_only_where_the_server_says_when_it_stops() -> None:
    """Without a lifespan, the loop may stand still after each call, or never run again."""

    async def call(app: App) -> None:
        reply = await app.respond(Request("GET", "/healthz", "", Headers()))
        assert reply.status == 200

    async def go() -> None:
        output = Recorded()
        app = App({"DEMO": "1"}, write=output)
        await call(app)
        assert len(output.lines) == 1
        started, stopping = asyncio.Event(), asyncio.Event()

        async def receive() -> dict[str, str]:
            if started.is_set():
                await stopping.wait()
            return {"type": "lifespan.shutdown" if started.is_set() else "lifespan.startup"}

        async def send(message: Message) -> None:
            started.set()

        lifespan = asyncio.create_task(app({"type": "lifespan"}, receive, send))
        await started.wait()
        await call(app)
        assert len(output.lines) == 1
        stopping.set()
        await lifespan
        assert len(output.lines) == 2
        await call(app)
        assert len(output.lines) == 3

    asyncio.run(go())
