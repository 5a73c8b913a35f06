"""What a call has used is free when it is over. The garbage collector, which holds up others, is not needed."""

from __future__ import annotations

import gc

import pytest

from proxy.call import Call
from tests.conftest import Serve
from tests.support.case import CHAT, STREAMED
from tests.support.talk import opened, wait_for
from tests.support.upstream import Cut, Upstream, Wait, stream, whole

EVENT = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'


def _left() -> int:
    return sum(isinstance(kept, Call) for kept in gc.get_objects())


@pytest.mark.parametrize("how", ["whole", "streamed", "left", "broken"])
def test_a_call_leaves_nothing_for_the_collector(how: str, upstream: Upstream, serve: Serve) -> None:
    scripts = {
        "whole": whole(b'{"usage":{"prompt_tokens":1}}'),
        "streamed": stream(EVENT, b"data: [DONE]\n\n"),
        "left": (*stream(EVENT, end=()), Wait()),
        "broken": stream(EVENT, end=(Cut(),)),
    }
    server = serve()
    gc.collect()
    before = _left()  # other tests may keep some
    gc.disable()
    try:
        for _ in range(3):
            written = len(server.lines)
            upstream.play(scripts[how])
            connection = opened(serve, body=CHAT if how == "whole" else STREAMED)
            result = connection.head()
            if how == "left":
                next(connection.writes(result))
            else:
                b"".join(connection.writes(result))
            connection.close()
            wait_for(lambda written=written: len(server.lines) > written)  # type: ignore[misc]
        upstream.proceed()
        wait_for(lambda: _left() <= before)
    finally:
        gc.enable()
