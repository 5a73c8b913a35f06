"""Whole answers under a content filter: every text is checked, and only blocked choices are replaced."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.support.core import Listed, error_of
from tests.support.moderation import (
    CHAT,
    COMPLETIONS,
    DONE,
    JSON,
    RESPONSES,
    chunk,
    header_of,
    moderated,
    whole,
)


def test_a_whole_answer_is_checked_before_it_is_sent() -> None:
    answer = whole("Fine.")
    for head in (JSON, (*JSON, ("content-length", str(len(answer))))):
        reply, body, line = moderated(Listed(answer[:9], answer[9:], headers=head), b'{"messages":[]}')
        assert (body, header_of(reply), line["moderation"]) == (answer, "output", "pass")
        assert reply.headers.get("content-length") == str(len(answer))


def test_only_the_blocked_choice_is_replaced() -> None:
    reply, body, line = moderated(Listed(whole("Fine.", "forbidden"), headers=JSON), b'{"messages":[]}')
    parsed = json.loads(body)
    assert (reply.status, header_of(reply), line["moderation"]) == (200, "output; blocked", "block")
    assert parsed["choices"][0] == json.loads(whole("Fine."))["choices"][0]
    assert parsed["choices"][1] == {
        "index": 1,
        "message": {"role": "assistant", "content": "No.", "refusal": None},
        "logprobs": None,
        "finish_reason": "content_filter",
    }
    assert (parsed["id"], parsed["usage"]) == ("c1", {"prompt_tokens": 1})
    assert reply.headers.get("content-length") == str(len(body))


def test_a_replaced_answer_loses_its_etag() -> None:
    head = (*JSON, ("etag", '"a"'))
    assert moderated(Listed(whole("Fine."), headers=head), b'{"messages":[]}')[0].headers.get("etag") == '"a"'
    assert moderated(Listed(whole("forbidden"), headers=head), b'{"messages":[]}')[0].headers.get("etag") is None


def test_blocked_completions_and_responses_keep_their_format() -> None:
    answer = b'{"choices":[{"text":"forbidden","index":0}]}'
    _, body, _ = moderated(Listed(answer, headers=JSON), b'{"prompt":"x"}', COMPLETIONS)
    closed = {"index": 0, "text": "No.", "logprobs": None, "finish_reason": "content_filter"}
    assert json.loads(body) == {"choices": [closed]}
    item = {"type": "message", "content": [{"type": "output_text", "text": "forbidden"}]}
    answer = json.dumps({"id": "r1", "object": "response", "status": "completed", "output": [item]}).encode()
    _, body, _ = moderated(Listed(answer, headers=JSON), b'{"input":"x"}', RESPONSES)
    parsed = json.loads(body)
    assert (parsed["id"], parsed["status"]) == ("r1", "incomplete")
    assert parsed["incomplete_details"] == {"reason": "content_filter"}
    assert parsed["output"][0]["content"][0]["text"] == "No." and b"forbidden" not in body


@pytest.mark.parametrize("kind", ["reasoning_content", "refusal", "reasoning", "unknown_field"])
def test_all_texts_of_an_answer_are_checked(kind: str) -> None:
    answer = json.dumps({"choices": [{"message": {"content": "x", kind: "forbidden"}}]}).encode()
    assert b"forbidden" not in moderated(Listed(answer, headers=JSON), b'{"messages":[]}')[1]
    assert b"forbidden" not in moderated(Listed(chunk("", None, 0, **{kind: "forbidden"}), DONE))[1]


@pytest.mark.parametrize("path", [CHAT, f"{CHAT}/c1/messages"])
def test_lists_of_stored_answers_are_checked(path: str) -> None:
    answer = {"object": "list", "has_more": False, "data": [{"id": "c1", "choices": [{"message": {"content": "%"}}]}]}
    data = json.dumps(answer).replace("%", "Fine.").encode()
    assert moderated(Listed(data, headers=JSON), b"", path, "GET")[1] == data
    _, body, line = moderated(Listed(data.replace(b"Fine.", b"forbidden"), headers=JSON), b"", path, "GET")
    assert b"forbidden" not in body and b'"No."' in body and line["moderation"] == "block"
    assert json.loads(body)["object"] == "list"


def test_the_items_of_a_stored_response_are_checked() -> None:
    data = b'{"object":"list","data":[{"type":"message","role":"user","content":[{"text":"forbidden"}]}]}'
    _, body, _ = moderated(Listed(data, headers=JSON), b"", f"{RESPONSES}/r1/input_items", "GET")
    assert b"forbidden" not in body and b'"No."' in body


def test_texts_outside_choices_are_checked() -> None:
    answer = json.loads(whole("Fine.", "Fine too."))
    data = json.dumps({**answer, "citations": ["forbidden"], "extra": {"n": 1}, "error": {"message": "forbidden"}})
    _, body, line = moderated(Listed(data.encode(), headers=JSON), b'{"messages":[]}')
    assert json.loads(body) == {**answer, "extra": {"n": 1}, "error": {"message": "forbidden"}}
    assert line["moderation"] == "block"
    # Both choices are blocked.
    data = data.replace("Fine too.", "forbidden")
    _, body, _ = moderated(Listed(data.encode(), headers=JSON), b'{"messages":[]}')
    assert "citations" not in json.loads(body) and b'"No."' in body
    echo = {"object": "response", "id": "r1", "instructions": "forbidden", "output_text": "%", "output": []}
    data = json.dumps(echo)
    fine = data.replace("%", "Fine.").encode()
    assert moderated(Listed(fine, headers=JSON), b'{"input":"x"}', RESPONSES)[1] == fine
    _, body, _ = moderated(Listed(data.replace("%", "forbidden").encode(), headers=JSON), b'{"input":"x"}', RESPONSES)
    parsed = json.loads(body)
    assert "output_text" not in parsed and (parsed["instructions"], parsed["status"]) == ("forbidden", "incomplete")


def test_answers_of_unexpected_types_are_checked() -> None:
    _, body, _ = moderated(Listed(b'{"strange":"forbidden"}', headers=JSON), b'{"messages":[]}')
    assert json.loads(body)["choices"][0]["message"]["content"] == "No."
    _, body, _ = moderated(Listed(b'{"choices":["forbidden"]}', headers=JSON), b'{"messages":[]}')
    assert json.loads(body)["choices"][0]["message"]["content"] == "No."
    reply, body, _ = moderated(Listed(status=204, headers=()), b"", f"{RESPONSES}/r1", "DELETE")
    assert (reply.status, body, reply.headers.get("content-length")) == (204, b"", None)
    odd = b'data: {"choices":[{"index":[1],"delta":{"content":"forbidden"}}]}\n\n'
    assert b"forbidden" not in moderated(Listed(odd, DONE))[1]


def test_compressed_answers_are_checked_and_pass_unchanged() -> None:
    packed = gzip.compress(whole("Fine."))
    head = (*JSON, ("content-encoding", "gzip"))
    upstream = Listed(packed, headers=head)
    reply, body, _ = moderated(upstream, b'{"messages":[]}')
    assert body == packed and reply.headers.get("content-encoding") == "gzip"
    assert ("accept-encoding", "identity") in upstream.sent[0].headers
    reply, body, _ = moderated(Listed(gzip.compress(whole("forbidden")), headers=head), b'{"messages":[]}')
    assert reply.headers.get("content-encoding") is None and b'"No."' in body


@pytest.mark.parametrize(
    ("kind", "encoding", "label"),
    [("application/json", "br", "unreadable_answer"), ("audio/mpeg", None, "unreadable_answer")],
)
def test_an_unreadable_answer_is_a_failed_check(kind: str, encoding: str | None, label: str) -> None:
    head = (("content-type", kind), *((("content-encoding", encoding),) if encoding else ()))
    reply, _, line = moderated(Listed(b"\x00binary", headers=head), b'{"messages":[]}')
    assert (reply.status, error_of(reply)["code"]) == (502, "moderation_unavailable")
    assert (line["moderation"], line["moderation_label"]) == ("error", label)
    reply, body, line = moderated(Listed(b"\x00binary", headers=head), b'{"messages":[]}', MODERATION_ON_ERROR="open")
    assert (body, line["moderation"], header_of(reply)) == (b"\x00binary", "error_open", "output; unchecked")


DEEP = b'{"choices":[{"delta":{"content":"Hi."},"x":' + b"[" * 990 + b"]" * 990 + b"}]}"


@pytest.mark.parametrize("fields", [b'"message":{"content":"Hi."},"x":', b'"x":"Hi.","message":'])
@pytest.mark.parametrize("levels", [300, 990, 3_000])
def test_a_deeply_nested_answer_is_a_failed_check(fields: bytes, levels: int) -> None:
    answer = b'{"choices":[{' + fields + b"[" * levels + b"]" * levels + b"}]}"
    reply, _, line = moderated(Listed(answer, headers=JSON), b'{"messages":[]}')
    assert (reply.status, line["moderation_label"]) == (502, "unreadable_answer")
    reply, body, line = moderated(Listed(answer, headers=JSON), b'{"messages":[]}', MODERATION_ON_ERROR="open")
    assert (body, line["moderation"], header_of(reply)) == (answer, "error_open", "output; unchecked")


def test_a_deeply_nested_event_is_a_failed_check_and_its_neighbours_are_checked() -> None:
    deep = b"data: " + DEEP + b"\n\n"
    _, body, line = moderated(Listed(chunk("Fine.\n"), deep, DONE))
    assert body.startswith(chunk("Fine.\n")) and deep not in body and b"moderation_unavailable" in body
    assert (line["moderation"], line["moderation_label"]) == ("error", "unreadable_answer")
    _, body, line = moderated(Listed(chunk("Fine"), deep, DONE), MODERATION_ON_ERROR="open")
    assert (body, line["moderation"]) == (chunk("Fine") + deep + DONE, "error_open")
    _, body, line = moderated(Listed(chunk("forbidden"), deep, DONE), MODERATION_ON_ERROR="open")
    assert deep not in body and line["moderation"] == "block"


def test_an_answer_above_the_maximum_size_is_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.moderation import whole_answer

    monkeypatch.setattr(whole_answer, "_MAX_BYTES", 50)
    pieces = whole("Fine."), b" " * 10, b" " * 10
    reply, _, line = moderated(Listed(*pieces, headers=JSON), b'{"messages":[]}')
    assert (reply.status, line["moderation_label"]) == (502, "too_large")
    _, body, line = moderated(Listed(*pieces, headers=JSON), b'{"messages":[]}', MODERATION_ON_ERROR="open")
    assert (body, line["moderation"]) == (b"".join(pieces), "error_open")


def test_an_upstream_s_error_passes_unchanged() -> None:
    refusal = b'{"error":{"message":"forbidden"}}'
    reply, body, line = moderated(Listed(refusal, status=429, headers=JSON), b'{"messages":[]}')
    assert (reply.status, body) == (429, refusal) and "moderation" not in line
