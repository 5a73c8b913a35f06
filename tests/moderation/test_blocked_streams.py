"""How streams end when a check blocks or fails, in each protocol and with other features."""

from __future__ import annotations

import json

from proxy.upstream import Answer, Outgoing
from tests.support.core import Listed, Routed, json_answer
from tests.support.moderation import (
    API,
    ASKS,
    CHAT,
    COMPLETIONS,
    DONE,
    PLAIN,
    RESPONSES,
    chunk,
    header_of,
    moderated,
    objects,
    response,
)


def test_a_blocked_chat_ends_each_open_choice_and_cancels_the_upstream() -> None:
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


def test_a_stream_that_is_blocked_at_its_start_keeps_its_id() -> None:
    _, body, _ = moderated(Listed(b": hello\n\n", chunk("forbidden.\n"), DONE))
    (parsed,) = objects(body)
    assert body.startswith(b": hello\n\n") and parsed["id"] == "c1"
    assert parsed["choices"][0]["delta"] == {"role": "assistant", "content": "No."}
    _, body, _ = moderated(Listed(b"data: forbidden\n\n"))
    assert objects(body)[0]["object"] == "chat.completion.chunk"


def test_a_blocked_completion_ends_with_content_filter() -> None:
    def text(words: str) -> bytes:
        return b'data: {"id":"t1","model":"m","choices":[{"index":0,"text":' + json.dumps(words).encode() + b"}]}\n\n"

    _, body, _ = moderated(Listed(text("Fine.\n"), text("forbidden\n"), DONE), b'{"prompt":"x"}', COMPLETIONS)
    assert body.startswith(text("Fine.\n")) and body.endswith(DONE)
    (parsed,) = objects(body)[1:]
    assert parsed["object"] == "text_completion" and parsed["id"] == "t1"
    assert parsed["choices"] == [{"index": 0, "text": "No.", "logprobs": None, "finish_reason": "content_filter"}]


def test_the_end_of_a_response_does_not_repeat_blocked_text() -> None:
    echoed = {"id": "r1", "object": "response", "instructions": "Be kind.", "output_text": "forbidden", "output": []}
    _, body, _ = moderated(Listed(response(0, "created", response=echoed)), b'{"input":"x"}', RESPONSES)
    (last,) = objects(body)
    assert b"forbidden" not in body and last["response"]["id"] == "r1"
    assert last["response"]["instructions"] == "Be kind."


def test_a_blocked_response_ends_as_incomplete() -> None:
    created = response(0, "created", response={"id": "r1", "status": "in_progress", "output": []})
    place = {"item_id": "i1", "output_index": 0, "content_index": 0}
    fine = response(1, "output_text.delta", delta="Fine.\n", **place)
    bad = response(2, "output_text.delta", delta="forbidden\n", **place)
    _, body, _ = moderated(Listed(created, fine, bad, response(3, "completed")), b'{"input":"x"}', RESPONSES)
    assert body.startswith(created + fine) and b"forbidden" not in body
    delta_event, *finished, last = objects(body[len(created + fine) :])
    assert delta_event["type"] == "response.output_text.delta"
    assert (delta_event["delta"], delta_event["item_id"], delta_event["sequence_number"]) == ("No.", "i1", 2)
    assert finished[-1]["item"]["content"][0]["text"] == "Fine.\nNo."
    assert (last["type"], last["sequence_number"]) == ("response.incomplete", 3 + len(finished))
    assert (last["response"]["id"], last["response"]["status"]) == ("r1", "incomplete")
    assert last["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert b"[DONE]" not in body
    _, body, _ = moderated(Listed(created, bad), b'{"input":"x"}', RESPONSES)
    (last,) = objects(body[len(created) :])
    assert (last["type"], last["sequence_number"]) == ("response.incomplete", 1)


def test_a_stream_whose_check_failed_ends_with_an_error_event() -> None:
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


def test_the_end_of_a_cut_stream_is_checked() -> None:
    from proxy.errors import UpstreamDisconnected

    _, body, _ = moderated(Listed(chunk("Half a sent"), UpstreamDisconnected()))
    assert body.startswith(chunk("Half a sent")) and b"upstream_disconnected" in body
    _, body, _ = moderated(Listed(chunk("Half a forbidden"), UpstreamDisconnected()))
    assert b"forbidden" not in body and b"content_filter" in body
    _, body, _ = moderated(Listed(chunk("Fine.\n"), UpstreamDisconnected()))
    assert body.startswith(chunk("Fine.\n")) and b"upstream_disconnected" in body


def test_an_assembled_answer_has_the_finish_reason_content_filter() -> None:
    upstream = Listed(chunk("Fine.\n"), chunk("forbidden\n"), DONE)
    reply, body, _ = moderated(upstream, b'{"model":"m","messages":[]}', ASSEMBLE="always")
    (choice,) = json.loads(body)["choices"]
    assert choice["message"]["content"] == "Fine.\nNo." and choice["finish_reason"] == "content_filter"
    assert header_of(reply) == "output; blocked"


def test_a_blocked_stream_is_metered_up_to_its_block() -> None:
    upstream = Listed(chunk("Fine.\n"), chunk("forbidden\n"), DONE)
    _, _, line = moderated(upstream, METERING="on")
    assert line["usage_source"] == "estimate" and line["gen_ai.usage.output_tokens"] > 0
