"""MODERATION: what is checked, what callers see of it, and that callers cannot turn off what the owner turned on."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from proxy import startup
from proxy.errors import UpstreamUnreachable
from proxy.upstream import Answer, Outgoing
from tests.support.core import KEY, Listed, Routed, error_of, json_answer, request, run
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
    objects,
    response,
    whole,
)

# --- who decides what is checked


@pytest.mark.parametrize(
    ("settings", "fields", "header", "blocked"),
    [
        ({"MODERATION": "off"}, b"", None, False),
        ({"MODERATION": "off"}, b',"moderation":true', "off", False),
        ({}, b"", "output", True),
        ({}, b',"moderation":false,"moderation_level":"low"', "output", True),
        ({"MODERATION_OUTPUT": "0"}, b"", None, False),
        ({"MODERATION_OUTPUT": "0"}, b',"moderation":false', "off", False),
        ({"MODERATION_OUTPUT": "0"}, b',"moderation":true', "output", True),
        ({"MODERATION_OUTPUT": "0"}, b',"moderation":1', "output", True),
        ({"MODERATION_OUTPUT": "0", "MODERATION_INPUT": "1"}, b',"moderation":0', "input", False),
        ({"MODERATION_INPUT": "1"}, b"", "input, output", True),
    ],
)
def test_the_owner_forces_and_a_caller_may_ask(
    settings: dict[str, str], fields: bytes, header: str | None, blocked: bool
) -> None:
    upstream = Listed(chunk("forbidden"), DONE)
    reply, body, _ = moderated(upstream, ASKS + fields + b"}", CHAT, "POST", **settings)
    assert header_of(reply) == header
    assert (b"forbidden" not in body) == blocked
    assert upstream.sent[0].body == ASKS + b"}"
    if not blocked:
        assert body == chunk("forbidden") + DONE


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/images/generations", "/v1/models"])
def test_other_calls_keep_their_fields_and_their_answers(path: str) -> None:
    upstream = Listed(b'{"x":"forbidden"}', headers=JSON)
    asked = b'{"input":"forbidden","moderation":"low"}'
    reply, body, _ = moderated(upstream, asked, path)
    assert (body, upstream.sent[0].body, header_of(reply)) == (b'{"x":"forbidden"}', asked, None)


def test_stored_answers_are_looked_at_as_well() -> None:
    _, body, _ = moderated(Listed(whole("forbidden"), headers=JSON), b"", f"{CHAT}/c1", "GET")
    assert b"forbidden" not in body and b'"No."' in body
    stream = Listed(b'data: {"type":"response.output_text.delta","delta":"forbidden"}\n\n')
    _, body, _ = moderated(stream, b"", f"{RESPONSES}/r1", "GET")
    assert b"forbidden" not in body and b"response.incomplete" in body


@pytest.mark.parametrize("name", ["MODERATION_INPUT", "MODERATION_OUTPUT"])
def test_a_check_that_nothing_can_do_stops_the_start(name: str) -> None:
    with pytest.raises(Exception, match=f"{name} is on, but MODERATION is not set"):
        startup.load({name: "1"})
    assert not startup.load({name: "0"}).moderation


# --- prompts


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
def test_a_refused_prompt_costs_nothing(path: str, body: Any, param: str, output: str) -> None:
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
def test_what_is_encoded_in_a_prompt_is_not_looked_into(part: dict[str, Any]) -> None:
    asked = json.dumps({"messages": [{"role": "user", "content": [part]}]}).encode()
    upstream = Listed(DONE)
    moderated(upstream, asked, MODERATION_INPUT="1")
    assert len(upstream.sent) == 1


@pytest.mark.parametrize("output", ["0", "1"])
def test_a_fine_prompt_goes_up_as_it_came(output: str) -> None:
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
def test_a_prompt_that_says_that_it_is_something_else_is_refused(
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


def test_a_prompt_that_could_not_be_checked() -> None:
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


# --- whole answers


def test_a_whole_answer_is_checked_before_it_is_sent() -> None:
    answer = whole("Fine.")
    for head in (JSON, (*JSON, ("content-length", str(len(answer))))):
        reply, body, line = moderated(Listed(answer[:9], answer[9:], headers=head), b'{"messages":[]}')
        assert (body, header_of(reply), line["moderation"]) == (answer, "output", "pass")
        assert reply.headers.get("content-length") == str(len(answer))


def test_what_is_withheld_of_a_whole_answer_is_one_choice() -> None:
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


def test_what_took_an_answer_s_place_does_not_carry_its_etag() -> None:
    head = (*JSON, ("etag", '"a"'))
    assert moderated(Listed(whole("Fine."), headers=head), b'{"messages":[]}')[0].headers.get("etag") == '"a"'
    assert moderated(Listed(whole("forbidden"), headers=head), b'{"messages":[]}')[0].headers.get("etag") is None


def test_what_is_withheld_of_older_completions_and_of_responses() -> None:
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
def test_all_texts_of_an_answer_are_looked_at(kind: str) -> None:
    answer = json.dumps({"choices": [{"message": {"content": "x", kind: "forbidden"}}]}).encode()
    assert b"forbidden" not in moderated(Listed(answer, headers=JSON), b'{"messages":[]}')[1]
    assert b"forbidden" not in moderated(Listed(chunk("", None, 0, **{kind: "forbidden"}), DONE))[1]


@pytest.mark.parametrize("path", [CHAT, f"{CHAT}/c1/messages"])
def test_lists_of_stored_answers_are_looked_at(path: str) -> None:
    answer = {"object": "list", "has_more": False, "data": [{"id": "c1", "choices": [{"message": {"content": "%"}}]}]}
    data = json.dumps(answer).replace("%", "Fine.").encode()
    assert moderated(Listed(data, headers=JSON), b"", path, "GET")[1] == data
    _, body, line = moderated(Listed(data.replace(b"Fine.", b"forbidden"), headers=JSON), b"", path, "GET")
    assert b"forbidden" not in body and b'"No."' in body and line["moderation"] == "block"
    assert json.loads(body)["object"] == "list"


def test_the_items_of_a_stored_response_are_looked_at() -> None:
    data = b'{"object":"list","data":[{"type":"message","role":"user","content":[{"text":"forbidden"}]}]}'
    _, body, _ = moderated(Listed(data, headers=JSON), b"", f"{RESPONSES}/r1/input_items", "GET")
    assert b"forbidden" not in body and b'"No."' in body


def test_what_a_whole_answer_says_beside_its_choices_is_looked_at() -> None:
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


def test_strange_answers_are_looked_at_as_well() -> None:
    _, body, _ = moderated(Listed(b'{"strange":"forbidden"}', headers=JSON), b'{"messages":[]}')
    assert json.loads(body)["choices"][0]["message"]["content"] == "No."
    _, body, _ = moderated(Listed(b'{"choices":["forbidden"]}', headers=JSON), b'{"messages":[]}')
    assert json.loads(body)["choices"][0]["message"]["content"] == "No."
    reply, body, _ = moderated(Listed(status=204, headers=()), b"", f"{RESPONSES}/r1", "DELETE")
    assert (reply.status, body, reply.headers.get("content-length")) == (204, b"", None)
    odd = b'data: {"choices":[{"index":[1],"delta":{"content":"forbidden"}}]}\n\n'
    assert b"forbidden" not in moderated(Listed(odd, DONE))[1]


def test_compressed_answers_are_opened_and_pass_as_they_came() -> None:
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
def test_what_cannot_be_looked_into_counts_as_a_failed_check(kind: str, encoding: str | None, label: str) -> None:
    head = (("content-type", kind), *((("content-encoding", encoding),) if encoding else ()))
    reply, _, line = moderated(Listed(b"\x00binary", headers=head), b'{"messages":[]}')
    assert (reply.status, error_of(reply)["code"]) == (502, "moderation_unavailable")
    assert (line["moderation"], line["moderation_label"]) == ("error", label)
    reply, body, line = moderated(Listed(b"\x00binary", headers=head), b'{"messages":[]}', MODERATION_ON_ERROR="open")
    assert (body, line["moderation"], header_of(reply)) == (b"\x00binary", "error_open", "output; unchecked")


DEEP = b'{"choices":[{"delta":{"content":"Hi."},"x":' + b"[" * 990 + b"]" * 990 + b"}]}"


@pytest.mark.parametrize("fields", [b'"message":{"content":"Hi."},"x":', b'"x":"Hi.","message":'])
@pytest.mark.parametrize("levels", [300, 990, 3_000])
def test_an_answer_that_is_nested_without_end_counts_as_a_failed_check(fields: bytes, levels: int) -> None:
    answer = b'{"choices":[{' + fields + b"[" * levels + b"]" * levels + b"}]}"
    reply, _, line = moderated(Listed(answer, headers=JSON), b'{"messages":[]}')
    assert (reply.status, line["moderation_label"]) == (502, "unreadable_answer")
    reply, body, line = moderated(Listed(answer, headers=JSON), b'{"messages":[]}', MODERATION_ON_ERROR="open")
    assert (body, line["moderation"], header_of(reply)) == (answer, "error_open", "output; unchecked")


def test_so_does_an_event_and_what_is_around_it_is_checked() -> None:
    deep = b"data: " + DEEP + b"\n\n"
    _, body, line = moderated(Listed(chunk("Fine.\n"), deep, DONE))
    assert body.startswith(chunk("Fine.\n")) and deep not in body and b"moderation_unavailable" in body
    assert (line["moderation"], line["moderation_label"]) == ("error", "unreadable_answer")
    _, body, line = moderated(Listed(chunk("Fine"), deep, DONE), MODERATION_ON_ERROR="open")
    assert (body, line["moderation"]) == (chunk("Fine") + deep + DONE, "error_open")
    _, body, line = moderated(Listed(chunk("forbidden"), deep, DONE), MODERATION_ON_ERROR="open")
    assert deep not in body and line["moderation"] == "block"


def test_an_answer_too_large_to_look_into(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.moderation import whole_answer

    monkeypatch.setattr(whole_answer, "_MAX_BYTES", 50)
    pieces = whole("Fine."), b" " * 10, b" " * 10
    reply, _, line = moderated(Listed(*pieces, headers=JSON), b'{"messages":[]}')
    assert (reply.status, line["moderation_label"]) == (502, "too_large")
    _, body, line = moderated(Listed(*pieces, headers=JSON), b'{"messages":[]}', MODERATION_ON_ERROR="open")
    assert (body, line["moderation"]) == (b"".join(pieces), "error_open")


def test_an_upstream_s_error_passes_untouched() -> None:
    refusal = b'{"error":{"message":"forbidden"}}'
    reply, body, line = moderated(Listed(refusal, status=429, headers=JSON), b'{"messages":[]}')
    assert (reply.status, body) == (429, refusal) and "moderation" not in line


# --- levels and several services


@pytest.mark.parametrize(
    ("level", "fields", "blocked"),
    [
        ("normal", b"", False),
        ("normal", b',"moderation_level":"high"', True),
        ("high", b"", True),
        ("high", b',"moderation_level":"low"', True),
    ],
)
def test_a_caller_can_raise_the_level_and_never_lower_it(level: str, fields: bytes, blocked: bool) -> None:
    async def doubtful(_: Outgoing) -> Answer:
        return json_answer({"results": [{"flagged": False, "category_scores": {"hate": 0.5}}]})

    upstream = Routed(chunk("Hm."), DONE, service=doubtful)
    _, body, line = moderated(upstream, ASKS + fields + b"}", CHAT, "POST", **API, MODERATION_LEVEL=level)
    assert (b"Hm." not in body) == blocked
    assert line["moderation"] == ("block" if blocked else "pass")
    assert line.get("moderation_label") == ("openai:hate" if blocked else None)


def test_several_are_asked_in_their_order_and_the_first_that_blocks_decides() -> None:
    async def clear(_: Outgoing) -> Answer:
        return json_answer({"results": [{"flagged": False}]})

    settings = {**API, "MODERATION": "words, openai"}
    upstream = Routed(chunk("Fine."), DONE, service=clear)
    _, body, line = moderated(upstream, PLAIN, CHAT, "POST", **settings)
    assert body == chunk("Fine.") + DONE and line["moderation_checks"] == 2 and len(upstream.asked) == 1
    upstream = Routed(chunk("forbidden"), DONE, service=clear)
    _, _, line = moderated(upstream, PLAIN, CHAT, "POST", **settings)
    assert line["moderation_label"] == "words" and upstream.asked == []


def test_an_open_failure_leaves_the_others_their_say() -> None:
    async def broken(_: Outgoing) -> Answer:
        return json_answer({}, 500)

    settings = {**API, "MODERATION": "openai,words", "MODERATION_ON_ERROR": "open"}
    upstream = Routed(chunk("Fine.\n"), chunk("forbidden\n"), chunk("More.\n"), DONE, service=broken)
    _, body, line = moderated(upstream, PLAIN, CHAT, "POST", **settings)
    assert body.startswith(chunk("Fine.\n")) and b"forbidden" not in body
    assert line["moderation"] == "block"


# --- streams: what a hit and a failure look like


def test_a_hit_ends_a_chat_for_each_open_choice_and_cancels_the_upstream() -> None:
    start = chunk("", role="assistant"), chunk("One.\n"), chunk("Two.\n", "stop", 1)
    upstream = Listed(*start, chunk("This is "), chunk("forbidden.\n"), chunk("More."), DONE)
    reply, body, line = moderated(upstream, ASKS + b',"n":3}')
    assert body.startswith(b"".join(start))
    rest = body[len(b"".join(start)) :]
    assert rest.endswith(DONE) and b"This is" not in rest and b"More" not in rest
    parsed = objects(rest)
    assert [item["choices"][0]["index"] for item in parsed] == [0, 2]
    for choice in parsed:
        assert (choice["id"], choice["model"], choice["created"]) == ("c1", "m", 7)
        assert choice["choices"][0]["delta"]["content"] == "No."
        assert choice["choices"][0]["finish_reason"] == "content_filter"
    assert (reply.status, header_of(reply), line["ending"], line["moderation"]) == (200, "output", "complete", "block")
    assert upstream.body.closed


def test_a_hit_in_the_first_words_still_names_the_stream() -> None:
    _, body, _ = moderated(Listed(b": hello\n\n", chunk("forbidden.\n"), DONE))
    (parsed,) = objects(body)
    assert body.startswith(b": hello\n\n") and parsed["id"] == "c1"
    assert parsed["choices"][0]["delta"] == {"role": "assistant", "content": "No."}
    _, body, _ = moderated(Listed(b"data: forbidden\n\n"))
    assert objects(body)[0]["object"] == "chat.completion.chunk"


def test_a_hit_in_older_completions() -> None:
    def text(words: str) -> bytes:
        return b'data: {"id":"t1","model":"m","choices":[{"index":0,"text":' + json.dumps(words).encode() + b"}]}\n\n"

    _, body, _ = moderated(Listed(text("Fine.\n"), text("forbidden\n"), DONE), b'{"prompt":"x"}', COMPLETIONS)
    assert body.startswith(text("Fine.\n")) and body.endswith(DONE)
    (parsed,) = objects(body)[1:]
    assert parsed["object"] == "text_completion" and parsed["id"] == "t1"
    assert parsed["choices"] == [{"index": 0, "text": "No.", "logprobs": None, "finish_reason": "content_filter"}]


def test_the_end_of_a_response_does_not_repeat_what_was_withheld() -> None:
    echoed = {"id": "r1", "object": "response", "instructions": "Be kind.", "output_text": "forbidden", "output": []}
    _, body, _ = moderated(Listed(response(0, "created", response=echoed)), b'{"input":"x"}', RESPONSES)
    (last,) = objects(body)
    assert b"forbidden" not in body and last["response"]["id"] == "r1"
    assert last["response"]["instructions"] == "Be kind."


def test_a_hit_ends_a_response_as_incomplete() -> None:
    created = response(0, "created", response={"id": "r1", "status": "in_progress", "output": []})
    place = {"item_id": "i1", "output_index": 0, "content_index": 0}
    fine = response(1, "output_text.delta", delta="Fine.\n", **place)
    bad = response(2, "output_text.delta", delta="forbidden\n", **place)
    _, body, _ = moderated(Listed(created, fine, bad, response(3, "completed")), b'{"input":"x"}', RESPONSES)
    assert body.startswith(created + fine) and b"forbidden" not in body
    delta_event, last = objects(body[len(created + fine) :])
    assert delta_event["type"] == "response.output_text.delta"
    assert (delta_event["delta"], delta_event["item_id"], delta_event["sequence_number"]) == ("No.", "i1", 2)
    assert (last["type"], last["sequence_number"]) == ("response.incomplete", 3)
    assert (last["response"]["id"], last["response"]["status"]) == ("r1", "incomplete")
    assert last["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert b"[DONE]" not in body
    _, body, _ = moderated(Listed(created, bad), b'{"input":"x"}', RESPONSES)
    (last,) = objects(body[len(created) :])
    assert (last["type"], last["sequence_number"]) == ("response.incomplete", 1)


def test_a_stream_that_could_not_be_checked_ends_with_the_error_event() -> None:
    async def broken(_: Outgoing) -> Answer:
        return json_answer({"error": {}}, 401)

    upstream = Routed(chunk("", role="assistant"), chunk("Hi.\n"), DONE, service=broken)
    _, body, line = moderated(upstream, PLAIN, CHAT, "POST", **API)
    assert body.startswith(chunk("", role="assistant")) and b"Hi" not in body
    assert objects(body)[-1]["error"]["code"] == "moderation_unavailable" and b"[DONE]" not in body
    assert (line["ending"], line["moderation"], line["moderation_label"]) == (
        "moderation_unavailable",
        "error",
        "openai:status_401",
    )
    assert upstream.body.closed


def test_an_upstream_that_breaks_off_has_its_last_words_checked() -> None:
    from proxy.errors import UpstreamDisconnected

    _, body, _ = moderated(Listed(chunk("Half a sent"), UpstreamDisconnected()))
    assert body.startswith(chunk("Half a sent")) and b"upstream_disconnected" in body
    _, body, _ = moderated(Listed(chunk("Half a forbidden"), UpstreamDisconnected()))
    assert b"forbidden" not in body and b"content_filter" in body
    _, body, _ = moderated(Listed(chunk("Fine.\n"), UpstreamDisconnected()))
    assert body.startswith(chunk("Fine.\n")) and b"upstream_disconnected" in body


# --- beside other features


def test_an_assembled_answer_says_why_it_ends() -> None:
    upstream = Listed(chunk("Fine.\n"), chunk("forbidden\n"), DONE)
    reply, body, _ = moderated(upstream, b'{"model":"m","messages":[]}', ASSEMBLE="always")
    (choice,) = json.loads(body)["choices"]
    assert choice["message"]["content"] == "Fine.\nNo." and choice["finish_reason"] == "content_filter"
    assert header_of(reply) == "output; blocked"


def test_a_metered_stream_is_counted_as_far_as_it_got_out() -> None:
    upstream = Listed(chunk("Fine.\n"), chunk("forbidden\n"), DONE)
    _, _, line = moderated(upstream, METERING="on")
    assert line["usage_source"] == "estimate" and line["gen_ai.usage.output_tokens"] > 0
