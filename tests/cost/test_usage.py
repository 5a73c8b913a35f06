"""Finding the token counts in answers of every kind."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from proxy.cost import figures, usage
from proxy.protocols.usage import _MAX_TRIES, Usage, merged, reported
from proxy.wire import bounded_json, content_encoding
from tests.support.core import Listed, request, run
from tests.support.paths import SHARED

STREAMS = SHARED / "data" / "streams"


@pytest.mark.parametrize(
    ("data", "found"),
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
def test_the_last_usage_object_counts(data: bytes, found: dict[str, Any]) -> None:
    assert reported(data) == found


@pytest.mark.parametrize(
    ("data", "found"),
    [
        # The parts of a sum are reported with it, before it and after it.
        (b'{"usage":{"total_tokens":9},"models":[{"usage":{"total_tokens":4}}]}', {"total_tokens": 9}),
        (b'{"models":[{"usage":{"total_tokens":4}}],"usage":{"total_tokens":9}}', {"total_tokens": 9}),
        (b'{"x":[' + b'{"usage":{"total_tokens":4}},' * 10 + b'{}],"usage":{"total_tokens":9}}', {"total_tokens": 9}),
        # A tool may have a parameter of this name.
        (b'{"usage":{"input_tokens":9},"tools":[{"properties":{"usage":{"type":"object"}}}]}', {"input_tokens": 9}),
        (b'data: {"usage":{"a":1}}\n\ndata: {"service_tier":"flex","usage":{"b":2}}\n\n',
         {"a": 1, "b": 2, "service_tier": "flex"}),
        (b'{"usageMetadata":{"promptTokenCount":3}}', {"promptTokenCount": 3}),
        (b'{"done":true,"prompt_eval_count":26,"eval_count":298}', {"prompt_eval_count": 26, "eval_count": 298}),
    ],
)  # fmt: skip
def test_the_whole_counts_not_its_parts(data: bytes, found: dict[str, Any]) -> None:
    assert reported(data) == found


def test_zero_and_null_do_not_replace_a_figure_and_a_sum_goes_with_its_counts() -> None:
    first = {"prompt_tokens": 20, "completion_tokens": 0, "total_tokens": 20, "details": {"a": 1}}
    last = {"prompt_tokens": None, "completion_tokens": 198, "details": {"a": 0, "b": 2}}
    assert merged(first, last) == {"prompt_tokens": 20, "completion_tokens": 198, "details": {"a": 1, "b": 2}}
    assert merged(merged(first, last), {"completion_tokens": 0, "total_tokens": 0})["completion_tokens"] == 198
    assert len(merged({}, {str(number): number for number in range(1000)})) == 64


def test_what_is_no_number_is_left_out() -> None:
    found = {"prompt_tokens": True, "input_tokens": 4, "prompt_tokens_details": 5}
    assert figures.of(found) == Usage(input=4)
    assert figures.of({"prompt_tokens": 4, "completion_tokens": -1, "total_tokens": 1e99}) == Usage(input=4)


def test_packed_answers_are_opened_for_the_log_alone() -> None:
    body = gzip.compress(b'{"model":"m","usage":{"prompt_tokens":3}}' + b" " * 200_000)
    lines: list[str] = []
    headers = (("content-type", "application/json"), ("content-encoding", "gzip"))
    _, pieces = run(Listed(body[:40], body[40:], headers=headers), request(body=b"{}"), lines)
    assert b"".join(pieces) == body
    assert json.loads(lines[-1])["gen_ai.usage.input_tokens"] == 3


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("at_end", [True, False])
def test_usage_is_found_at_either_end_of_a_large_body(at_end: bool, encoding: str) -> None:
    told, text = b'"usage":{"prompt_tokens":3}', b'"text":"' + b"word " * 300_000 + b'"'
    body = b'{"model":"m",' + b",".join([text, told] if at_end else [told, text]) + b"}"
    headers = [("content-type", "application/json")]
    if encoding:
        body = gzip.compress(body)
        headers.append(("content-encoding", "gzip"))
    lines: list[str] = []
    pieces = [body[at : at + 100_000] for at in range(0, len(body), 100_000)]
    _, got = run(Listed(*pieces, headers=tuple(headers)), request(body=b"{}"), lines)
    assert b"".join(got) == body
    line = json.loads(lines[-1])
    assert (line["gen_ai.usage.input_tokens"], line["gen_ai.response.model"]) == (3, "m")


def test_no_more_than_both_ends_are_kept() -> None:
    ends = usage._Ends("identity")
    for _ in range(200):
        ends.add(b"x" * 65_536)
    assert len(ends.data()) < 400_000 and len(ends._tail) < 600_000
    assert b"x\nx" in ends.data()  # nothing is read across what was left out


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_a_body_that_cannot_be_opened_reports_nothing(encoding: str) -> None:
    lines: list[str] = []
    headers = (("content-type", "application/json"), ("content-encoding", encoding))
    body = b'{"usage":{"prompt_tokens":3}}'
    _, got = run(Listed(body, body, headers=headers), request(body=b"{}"), lines)
    assert b"".join(got) == body * 2 and "gen_ai.usage.input_tokens" not in json.loads(lines[-1])


def test_a_body_that_unpacks_without_end_is_opened_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_MAX_PLAIN_BYTES", 300_000)
    ends = usage._Ends("gzip")
    packed = gzip.compress(b'{"usage":{"prompt_tokens":3}}' + b" " * 3_000_000)
    ends.add(packed)
    ends.add(packed)
    assert ends.data().startswith(b'{"usage"') and ends._room <= 0


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
        told = row["usage"] or {}
        wanted = told.get("prompt_tokens", told.get("input_tokens"))
        if not isinstance(wanted, int) or row["api"] not in ("chat", "responses"):
            continue
        found: dict[str, Any] = {}
        for piece in (STREAMS / row["file"]).read_bytes().replace(b"\r\n", b"\n").split(b"\n\n"):
            found = merged(found, reported(piece))
        counts = figures.of(found)
        cache = sum(told.get(name) or 0 for name in ("cache_read_input_tokens", "cache_creation_input_tokens"))
        assert counts.input == wanted + cache, row["file"]
        total = told.get("total_tokens")
        assert counts.output is not None and (not total or counts.input + counts.output == total), row["file"]
        checked += 1
    assert checked > 100


def test_a_word_that_is_repeated_without_end_is_looked_at_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []
    monkeypatch.setattr(bounded_json, "check", tries.append)
    assert reported(b'{"usage":' * 100_000) == {}
    assert _MAX_TRIES < len(tries) <= 2 * _MAX_TRIES
