"""Which prompts are checked, what a blocked one looks like, and what is refused because it cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.errors import UpstreamUnreachable
from proxy.upstream import Answer, Outgoing
from tests.support.core import KEY, Listed, Routed, error_of, request, run
from tests.support.moderation import (
    API,
    ASKS,
    CHAT,
    COMPLETIONS,
    DONE,
    JSON,
    PLAIN,
    RESPONSES,
    WORDS,
    chunk,
    header_of,
    moderated,
)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (CHAT, {"messages": [{"role": "user", "content": "forbidden"}]}, "messages"),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": "a forbidden word"}]}]}, "messages"),
        (CHAT, {"messages": [{"tool_calls": [{"function": {"arguments": '"\\u7981\\u8bcd"'}}]}]}, "messages"),
        (CHAT, {"messages": [], "prediction": {"content": "forbidden"}}, "messages"),
        (COMPLETIONS, {"prompt": ["fine", "forbidden"]}, "prompt"),
        (RESPONSES, {"input": "forbidden"}, "input"),
        (RESPONSES, {"input": [{"content": [{"type": "input_text", "text": "forbidden"}]}]}, "input"),
        (RESPONSES, {"input": "x", "instructions": "forbidden"}, "input"),
        (CHAT, {"messages": [{"role": "user", "name": "forbidden", "content": "Hi"}]}, "messages"),
        (CHAT, {"messages": [{"role": "forbidden", "content": "Hi"}]}, "messages"),
        (CHAT, {"messages": [{"role": ["forbidden"], "content": "Hi"}]}, "messages"),
        (CHAT, {"messages": [{"role": "tool", "content": {"status": "forbidden"}}]}, "messages"),
        (CHAT, {"messages": [{"content": [{"type": "text", "text": "Hi", "title": "forbidden"}]}]}, "messages"),
        (CHAT, {"messages": [{"content": [{"type": "text", "result": "forbidden"}]}]}, "messages"),
        (CHAT, {"messages": [{"content": [{"type": "text", "data": "forbidden"}]}]}, "messages"),
        (CHAT, {"messages": [{"content": [{"type": ["x"], "data": {"text": "forbidden"}}]}]}, "messages"),
        (CHAT, {"messages": [{"content": [{"type": "file", "file": {"filename": "forbidden"}}]}]}, "messages"),
        (CHAT, {"messages": [{"content": [{"type": "x", "url": {"text": "forbidden"}}]}]}, "messages"),
        ("/v1/images/generations", {"prompt": "forbidden"}, "prompt"),
        ("/v1/audio/speech", {"input": "forbidden"}, "input"),
    ],
)
@pytest.mark.parametrize("output", ["0", "1"])
def test_a_blocked_prompt_does_not_go_up(path: str, body: Any, param: str, output: str) -> None:
    upstream = Listed(b"{}", headers=JSON)
    settings = {"MODERATION_INPUT": "1", "MODERATION_OUTPUT": output}
    reply, _, line = moderated(upstream, json.dumps(body).encode(), path, "POST", **settings)
    error = error_of(reply)
    assert (reply.status, error["code"], error["param"]) == (400, "content_filter", param)
    assert error["type"] == "invalid_request_error"
    assert reply.headers.get("x-should-retry") == "false" and str(header_of(reply)).endswith("; blocked")
    assert upstream.sent == []
    assert (line["moderation"], line["moderation_label"], line["status"]) == ("block", "words", 400)
    assert "forbidden" not in json.dumps(line)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "forbidden", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "https://x.test/forbidden"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,forbidden"}},
        {"type": "file", "file": {"file_data": "forbidden", "file_id": "forbidden"}},
        {"type": "image", "source": {"type": "base64", "data": "forbidden"}},
        {"type": "image_generation_call", "id": "forbidden", "result": "forbidden"},
    ],
)
def test_encoded_files_in_a_prompt_are_not_checked_as_text(part: dict[str, Any]) -> None:
    asked = json.dumps({"messages": [{"role": "user", "content": [part]}]}).encode()
    upstream = Listed(DONE)
    moderated(upstream, asked, MODERATION_INPUT="1")
    assert len(upstream.sent) == 1


@pytest.mark.parametrize("output", ["0", "1"])
def test_an_allowed_prompt_goes_up_unchanged(output: str) -> None:
    upstream = Listed(chunk("Hi."), DONE)
    _reply, body, line = moderated(upstream, MODERATION_INPUT="1", MODERATION_OUTPUT=output)
    assert upstream.sent[0].body == ASKS + b"}" and body == chunk("Hi.") + DONE
    assert line["moderation"] == "pass" and line["moderation_checks"] == 1 + int(output)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (CHAT, b"no JSON", "unreadable_body"),
        (CHAT, b"[]", "unreadable_body"),
        (CHAT, '{"messages":[]}'.encode("utf-16"), "unreadable_body"),
        (CHAT, b'{"messages":[],"messages":[]}', "duplicate_key"),
        (CHAT, b'{"messages":' + b"[" * 3_000 + b"]" * 3_000 + b"}", "unreadable_body"),
        (COMPLETIONS, b'{"prompt":' + b"[" * 990 + b"]" * 990 + b"}", "unreadable_body"),
        (COMPLETIONS, b'{"prompt":' + b"[" * 100 + b"1.0" + b"]" * 100 + b"}", "unreadable_prompt"),
        (COMPLETIONS, b'{"prompt":[[1,2],[3]]}', "unreadable_prompt"),
        (COMPLETIONS, b'{"prompt":[1,2]}', "unreadable_prompt"),
        (COMPLETIONS, b'{"prompt":"","PROMPT":[1,2]}', "duplicate_key"),
        (COMPLETIONS, b'{"Prompt":"forbidden"}', "duplicate_key"),
        (CHAT, b'{"messages":[],"Messages":[{"content":"forbidden"}]}', "duplicate_key"),
    ],
)
def test_a_prompt_that_cannot_be_read_is_refused(path: str, body: bytes, code: str) -> None:
    upstream = Listed(b"{}", headers=JSON)
    reply, _, _ = moderated(upstream, body, path, MODERATION_INPUT="1")
    assert (reply.status, error_of(reply)["code"], upstream.sent) == (400, code, [])


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "images/generations"), ("POST", "audio/speech"), ("PUT", "chat/completions")]
)
@pytest.mark.parametrize(
    ("header", "prompt"),
    [
        (("content-type", "text/plain"), b'{"prompt":"forbidden","input":"forbidden","messages":"forbidden"}'),
        (("content-encoding", "gzip"), b"\x1f\x8b"),
        (("content-type", "multipart/form-data; boundary=x"), b"--x"),
    ],
)
def test_a_prompt_with_a_wrong_content_type_is_refused(
    method: str, path: str, header: tuple[str, str], prompt: bytes
) -> None:
    """Even if the platform could send the body up unread."""
    asked = request(f"/v1/{path}", prompt, headers=(*KEY, header), method=method)
    asked.native = object()
    for more, sent in (({"MODERATION_INPUT": "1"}, False), ({}, True), ({"MODERATION": "off"}, True)):
        upstream = Listed(b"{}", headers=JSON)
        reply, _ = run(upstream, asked, settings={**WORDS, **more})
        assert bool(upstream.sent) == sent
        if sent:
            assert upstream.sent[0].native is asked.native
        else:
            assert (reply.status, error_of(reply)["code"]) == (415, "unsupported_media_type")


def test_a_call_without_a_prompt_passes() -> None:
    upstream = Listed(b'{"data":[]}', headers=JSON)
    assert moderated(upstream, b"", "/v1/responses/r1", "GET", MODERATION_INPUT="1")[1] == b'{"data":[]}'
    assert moderated(Listed(DONE), b'{"messages":[]}', MODERATION_INPUT="1")[1] == DONE


def test_a_failed_check_of_a_prompt_follows_moderation_on_error() -> None:
    async def broken(_: Outgoing) -> Answer:
        raise UpstreamUnreachable

    for output in ("0", "1"):
        settings = {**API, "MODERATION_INPUT": "1", "MODERATION_OUTPUT": output}
        upstream = Routed(chunk("Hi."), DONE, service=broken)
        reply, _, line = moderated(upstream, PLAIN, CHAT, "POST", **settings)
        error = error_of(reply)
        assert (reply.status, error["code"], upstream.sent) == (502, "moderation_unavailable", [])
        assert reply.headers.get("x-should-retry") == "false" and "; failed" in str(header_of(reply))
        assert (line["moderation"], line["moderation_label"]) == ("error", "openai:upstream_unreachable")
        upstream = Routed(chunk("Hi."), DONE, service=broken)
        reply, body, line = moderated(upstream, PLAIN, CHAT, "POST", **settings, MODERATION_ON_ERROR="open")
        assert body == chunk("Hi.") + DONE and "; unchecked" in str(header_of(reply))
        assert line["moderation"] == "error_open"
