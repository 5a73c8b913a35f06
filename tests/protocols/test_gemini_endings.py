"""How Gemini streams end: their state, the chunks that Sluice adds, and errors in Google's format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.errors import BadRequest, ClientGone, DeadlineReached, ProxyError, UpstreamDisconnected, UpstreamRefused
from proxy.protocols.base import TextState
from proxy.protocols.gemini import PROTOCOL
from proxy.wire import sse

IDS = {"modelVersion": "gemini-3-pro", "responseId": "r1"}
USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
RETRY = "type.googleapis.com/google.rpc.RetryInfo"


def candidate(*parts: Any, finish: Any = None, index: int | None = 0) -> dict[str, Any]:
    members: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}}
    if finish is not None:
        members["finishReason"] = finish
    return members if index is None else {**members, "index": index}


def chunk(*candidates: Any, **more: Any) -> bytes:
    return sse.event({"candidates": list(candidates), **IDS, **more})


def fed(*pieces: bytes, choices: int = 1) -> TextState:
    state = PROTOCOL.state(choices)
    for piece in pieces:
        state.feed(piece)
    return state


def only(data: bytes | None) -> dict[str, Any]:
    assert data is not None and data.startswith(b"data: ") and data.endswith(b"\n\n") and data.count(b"\n") == 2
    (value,) = sse.objects(data)
    return value


def error_in(line: bytes) -> dict[str, Any]:
    """The error of a failed stream."""
    assert line.startswith(b'{"error":') and line.count(b"\n") == 1 and line.endswith(b"\n")
    error: dict[str, Any] = json.loads(line)["error"]
    return error


TEXT = candidate({"text": "Hello"})


def test_a_stream_has_ended_once_every_candidate_has_a_finish_reason() -> None:
    state = PROTOCOL.state()
    for piece, has_ended in (
        (chunk(TEXT), False),
        (chunk(candidate({"text": " there"}, finish="STOP")), True),
        (chunk(candidate({"text": "Second"}, index=1)), False),
        (chunk(candidate(finish="MAX_TOKENS", index=1)), True),
    ):
        state.feed(piece)
        assert state.has_text and (state.ended, state.is_cut) == (has_ended, not has_ended)
        assert not PROTOCOL.ends(piece)


@pytest.mark.parametrize("reason", [None, "", 0, "FINISH_REASON_UNSPECIFIED"])
def test_an_unspecified_finish_reason_ends_nothing(reason: Any) -> None:
    state = fed(chunk({**TEXT, "finishReason": reason}))
    assert state.is_cut and not state.ended


def test_a_candidate_without_an_index_is_the_first_one() -> None:
    state = fed(chunk(candidate({"text": "Hi"}, index=None)), chunk(candidate(finish="STOP", index=None)))
    assert state.ended
    assert fed(chunk(TEXT), chunk(candidate(finish="STOP", index=None), candidate({"text": "x"}, index=None))).is_cut


def test_a_finish_reason_in_an_event_without_its_empty_line_counts() -> None:
    assert fed(chunk(TEXT), chunk(candidate(finish="STOP")).rstrip()).ended


def test_a_blocked_prompt_ends_the_stream() -> None:
    state = fed(sse.event({"promptFeedback": {"blockReason": "SAFETY"}, **IDS}))
    assert state.ended and not state.is_cut and not state.has_text
    assert not fed(sse.event({"promptFeedback": {"safetyRatings": []}})).ended
    assert not fed(sse.event({"promptFeedback": 5})).ended


def test_a_candidate_that_is_no_object_is_none() -> None:
    state = fed(chunk(5, candidate({"text": "x"}, finish="STOP", index=None)))
    assert state.ended and only(state.truncated("deadline"))["candidates"][0]["index"] == 0


def test_a_stream_that_has_not_begun_is_not_cut() -> None:
    assert not fed().is_cut and not fed(b"\n", b"\n").is_cut


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}\n\n',
        b'{"error": {"code": 503}}\n\n',
        b'{\n  "error": {\n    "code": 503\n  }\n}\n',
    ],
)
def test_an_error_of_the_upstream_is_no_cut(event: bytes) -> None:
    state = fed(chunk(TEXT), event)
    assert state.has_error and not state.is_cut


def test_the_word_error_in_an_answer_is_none() -> None:
    assert not fed(chunk(candidate({"text": '\n{"error": 5}'}))).has_error


@pytest.mark.parametrize(
    "part",
    [{"text": "x"}, {"text": "x", "thought": True}, {"functionCall": {"name": "f"}}, {"inlineData": {"data": "AA"}}],
)
def test_any_part_with_content_counts_as_generated(part: dict[str, Any]) -> None:
    assert fed(chunk(candidate(part))).has_text


@pytest.mark.parametrize("part", [{"text": ""}, {"thoughtSignature": "AA"}, {"text": "", "thought": True}, "x", 5])
def test_nothing_else_does(part: Any) -> None:
    assert fed(chunk(candidate(part))).truncated("deadline") is None


def test_a_truncated_stream_ends_with_a_finish_reason_and_its_last_usage() -> None:
    old = chunk(candidate({"text": "a"}), usageMetadata={"promptTokenCount": 3})
    state = fed(old, chunk(candidate({"text": "b"}), usageMetadata=USAGE), chunk(TEXT), b"\n")
    assert only(state.truncated("deadline")) == {
        "candidates": [candidate({"text": ""}, finish="MAX_TOKENS")],
        "usageMetadata": USAGE,
        **IDS,
        "sluice": {"truncated": "deadline"},
    }


def test_each_open_candidate_is_ended_and_no_other() -> None:
    state = fed(chunk(TEXT), chunk(candidate(finish="STOP")), chunk(candidate({"text": "x"}, index=1)), choices=3)
    ends = only(state.truncated("response_limit"))["candidates"]
    assert [(end["index"], end["finishReason"]) for end in ends] == [(1, "MAX_TOKENS"), (2, "MAX_TOKENS")]


def test_a_stream_that_is_complete_needs_no_end() -> None:
    assert fed(chunk(candidate({"text": "x"}, finish="STOP"))).truncated("response_limit") == b""


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"usageMetadata": "x"}\n\n',
        b'data: "usageMetadata"\n\n',
        b'data: {"usageMetadata": {"x": %b}}\n\n' % (b"[" * 900 + b"]" * 900),
    ],
)
def test_a_usage_that_cannot_be_written_is_left_out(event: bytes) -> None:
    assert "usageMetadata" not in only(fed(chunk(TEXT), event).truncated("deadline"))


def test_a_filtered_stream_says_the_message_and_nothing_of_what_was_blocked() -> None:
    blocked = chunk(candidate({"text": "secret"}), usageMetadata={"note": "secret"}, other="secret")
    assert only(fed().filtered("Withheld \ud83d", blocked)) == {
        "candidates": [candidate({"text": "Withheld ?"}, finish="SAFETY")],
        **IDS,
    }
    assert only(fed(chunk(TEXT, usageMetadata=USAGE)).filtered("No", blocked))["usageMetadata"] == USAGE
    # A text that follows the finish reason.
    assert only(fed(chunk(candidate(finish="STOP"))).filtered("No", blocked))["candidates"][0]["index"] == 0
    assert b"secret" not in fed().filtered("No", b"data: [secret\n\n")


def test_a_failed_stream_ends_with_plain_json() -> None:
    state = fed(chunk(TEXT))
    assert error_in(state.failed(UpstreamDisconnected())) == {
        "code": 502,
        "message": UpstreamDisconnected().explained,
        "status": "UNAVAILABLE",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "UPSTREAM_DISCONNECTED",
                "domain": "sluice",
            }
        ],
    }


@pytest.mark.parametrize(
    ("status", "code", "name"),
    [
        (400, 400, "INVALID_ARGUMENT"),
        (401, 401, "UNAUTHENTICATED"),
        (403, 403, "PERMISSION_DENIED"),
        (404, 404, "NOT_FOUND"),
        (413, 413, "INVALID_ARGUMENT"),
        (429, 429, "RESOURCE_EXHAUSTED"),
        (499, 499, "CANCELLED"),
        (500, 500, "INTERNAL"),
        (502, 502, "UNAVAILABLE"),
        (503, 503, "UNAVAILABLE"),
        (504, 504, "DEADLINE_EXCEEDED"),
        (200, 500, "INTERNAL"),
        (600, 500, "INTERNAL"),
    ],
)
def test_each_status_has_google_s_name(status: int, code: int, name: str) -> None:
    error = ProxyError("m")
    error.status = status
    made = error_in(fed().failed(error))
    assert (made["code"], made["status"]) == (code, name)


def test_google_s_own_error_passes_with_its_details() -> None:
    details: list[Any] = [{"@type": "x", "reason": "QUOTA"}, 5]
    google = {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED", "details": details, "more": 1}
    made = error_in(fed().failed(UpstreamRefused(429, [], b"", google, 2.5)))
    assert made == {**{name: google[name] for name in ("code", "message", "status")}, "details": made["details"]}
    assert made["details"] == [*details, {"@type": RETRY, "retryDelay": "2.5s"}]
    told = {**google, "details": [{"@type": RETRY, "retryDelay": "7s"}]}
    assert error_in(fed().failed(UpstreamRefused(429, [], b"", told, 2.0)))["details"] == told["details"]
    assert "details" not in error_in(fed().failed(UpstreamRefused(429, [], b"", {**google, "details": None})))


@pytest.mark.parametrize(
    "error", [{"message": "m", "code": "rate_limited"}, {"code": 429, "message": 5}, {"code": 7, "message": "m"}, {}]
)
def test_another_error_of_the_upstream_gets_google_s_format(error: dict[str, Any]) -> None:
    made = error_in(fed().failed(UpstreamRefused(429, [], b"", error, 2.0)))
    assert (made["code"], made["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert made["details"][0]["reason"] in (
        "UPSTREAM_REFUSED",
        "RATE_LIMITED",
    )  # the upstream's own code, if it has one
    assert made["details"][1] == {"@type": RETRY, "retryDelay": "2s"}


def test_an_error_before_any_event_is_the_whole_body() -> None:
    for error in (BadRequest("A lone \ud83d."), DeadlineReached(), ClientGone()):
        assert error_in(PROTOCOL.error_body(error, "id") + b"\n")["code"] == error.status
    refused = UpstreamRefused(429, [], b'{"error":{"code":429}} ', {"code": 429})
    assert PROTOCOL.error_body(refused, "id") == b'{"error":{"code":429}} '
