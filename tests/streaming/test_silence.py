"""A platform that gives up on a silent answer: a whole one gets a 504 before, and whatever is sent ends the silence."""

from __future__ import annotations

import json

from proxy.messages import Request
from tests.support.core import JSON_HEAD, Listed, error_of, request, run

WHOLE = b'{"model":"m","messages":[]}'
TEXT = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def asked(body: bytes = b'{"model":"m","stream":true}', path: str = "/v1/chat/completions") -> Request:
    made = request(path, body)
    made.silence = 225.0
    return made


def test_an_upstream_that_is_silent_for_too_long_is_a_504_that_says_what_helps() -> None:
    reply, _ = run(Listed(b"{}", headers=JSON_HEAD, wait=300), asked(WHOLE))
    error = error_of(reply)
    assert (reply.status, error["code"]) == (504, "deadline")
    assert '"stream": true' in error["message"] and "raise" not in error["message"]


def test_an_answer_just_in_time_passes() -> None:
    reply, pieces = run(Listed(b"{}", headers=JSON_HEAD, wait=224), asked(WHOLE))
    assert reply.status == 200 and b"".join(pieces) == b"{}"


def test_pings_end_the_silence_of_a_stream() -> None:
    _, pieces = run(Listed(400.0, TEXT, 400.0, DONE), asked())
    assert [piece for piece in pieces if not piece.startswith(b":") and piece] == [TEXT, DONE]
    assert sum(piece.startswith(b":") for piece in pieces) > 20


def test_without_pings_a_stream_ends_as_far_as_it_came() -> None:
    lines: list[str] = []
    _, pieces = run(Listed(TEXT, 200.0, TEXT, 300.0, DONE), asked(), lines, settings={"KEEPALIVE_SECONDS": "0"})
    text = b"".join(pieces)
    assert text.count(TEXT) == 2 and b'"finish_reason":"length"' in text and text.endswith(DONE)
    assert json.loads(lines[-1])["ending"] == "deadline"


def test_a_download_may_last_as_long_as_its_pieces_come() -> None:
    audio = (("content-type", "audio/mpeg"),)
    upstream = Listed(*(step for _ in range(5) for step in (b"x", 200.0)), headers=audio)
    _, pieces = run(upstream, asked(WHOLE, "/v1/audio/speech"))
    assert b"".join(pieces) == b"xxxxx"


def test_pieces_that_are_collected_reach_nobody_and_end_no_silence() -> None:
    """ASSEMBLE asks for a stream; its caller waits for one answer, and gets what there is in time."""
    steps = (step for _ in range(5) for step in (TEXT, 100.0))
    reply, pieces = run(Listed(*steps, DONE), asked(WHOLE), settings={"ASSEMBLE": "always"})
    answer = json.loads(b"".join(pieces))
    assert reply.headers.get("x-sluice-truncated") == "deadline"
    assert answer["choices"][0]["message"]["content"] == "xxx"
