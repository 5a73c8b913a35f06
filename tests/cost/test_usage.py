"""Finding the token counts in answers of every kind."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from proxy.cost import usage
from proxy.protocols.usage import _MAX_TRIES, Usage, last_object
from proxy.wire import bounded_json, content_encoding
from tests.support.core import Listed, request, run
from tests.support.paths import SHARED

STREAMS = SHARED / "data" / "streams"


@pytest.mark.parametrize(
    ("data", "usage_object"),
    [
        (b'{"usage": {"prompt_tokens": 1}, "choices": []}', {"prompt_tokens": 1}),
        (b'data: {"usage":null}\n\ndata: {"usage":{"a":2}}\n\ndata: {"usage":null}', {"a": 2}),
        (b'{"x":"\\"usage\\": {}"}', {}),
        (b'{"usage" "x"}', {}),
        (b'{"usage":{"cut', {}),
        (b'{"usage":5}', {}),
        (b'{"usage":' + b"[" * 4000, {}),
        (b"", {}),
    ],
)
def test_the_last_usage_object_counts(data: bytes, usage_object: dict[str, Any]) -> None:
    assert last_object(data) == usage_object


def test_what_is_no_number_is_left_out() -> None:
    usage_object = {"prompt_tokens": True, "input_tokens": 4, "prompt_tokens_details": 5}
    assert usage.normalise(usage_object) == Usage(input=4)


def test_packed_answers_are_opened_for_the_log_alone() -> None:
    body = gzip.compress(b'{"model":"m","usage":{"prompt_tokens":3}}' + b" " * 200_000)
    lines: list[str] = []
    headers = (("content-type", "application/json"), ("content-encoding", "gzip"))
    _, pieces = run(Listed(body[:40], body[40:], headers=headers), request(body=b"{}"), lines)
    assert b"".join(pieces) == body
    assert json.loads(lines[-1])["gen_ai.usage.input_tokens"] == 3


def test_a_body_over_a_megabyte_is_not_kept() -> None:
    lines: list[str] = []
    pieces = (b'{"usage":{"prompt_tokens":3}', b" " * 1_000_001, b" ", b"}")
    run(Listed(*pieces, headers=(("content-type", "application/json"),)), request(body=b"{}"), lines)
    assert "gen_ai.usage.input_tokens" not in json.loads(lines[-1])


def test_what_cannot_be_opened_is_left_alone() -> None:
    assert content_encoding.decoded(b"x", "br", 10) == b""
    assert content_encoding.decoded(b"nothing packed", "gzip", 10) == b""
    assert content_encoding.decoded(b"", "gzip", 10) == b""
    assert len(content_encoding.decoded(gzip.compress(b" " * 1_000_000), "gzip", 100)) <= 65_536


@pytest.mark.skipif(not STREAMS.exists(), reason="the recorded streams are not beside this checkout")
def test_the_counts_of_every_recorded_stream_are_found() -> None:
    index = [json.loads(line) for line in (STREAMS / "INDEX.jsonl").read_text().splitlines()]
    checked = 0
    for row in index:
        reported = row["usage"] or {}
        expected = reported.get("prompt_tokens", reported.get("input_tokens"))
        if not isinstance(expected, int) or row["api"] not in ("chat", "responses"):
            continue
        counts = Usage()
        for piece in (STREAMS / row["file"]).read_bytes().replace(b"\r\n", b"\n").split(b"\n\n"):
            counts.update(usage.normalise(last_object(piece)))
        assert counts.input == expected, row["file"]
        checked += 1
    assert checked > 100


def test_a_word_that_is_repeated_without_end_is_looked_at_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []
    monkeypatch.setattr(bounded_json, "check", tries.append)
    assert last_object(b'{"usage":' * 100_000) == {}
    assert len(tries) == _MAX_TRIES
