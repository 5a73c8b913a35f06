"""MODERATION: who decides what is checked, at which level and by which checkers."""

from __future__ import annotations

import pytest

from proxy import startup
from proxy.upstream import Answer, Outgoing
from tests.support.core import Listed, Routed, json_answer
from tests.support.moderation import (
    API,
    ASKS,
    CHAT,
    DONE,
    JSON,
    PLAIN,
    RESPONSES,
    chunk,
    header_of,
    moderated,
    whole,
)


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
def test_callers_can_request_checks_and_cannot_turn_them_off(
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
def test_other_paths_keep_their_fields_and_answers(path: str) -> None:
    upstream = Listed(b'{"x":"forbidden"}', headers=JSON)
    asked = b'{"input":"forbidden","moderation":"low"}'
    reply, body, _ = moderated(upstream, asked, path)
    assert (body, upstream.sent[0].body, header_of(reply)) == (b'{"x":"forbidden"}', asked, None)


def test_stored_answers_are_checked() -> None:
    _, body, _ = moderated(Listed(whole("forbidden"), headers=JSON), b"", f"{CHAT}/c1", "GET")
    assert b"forbidden" not in body and b'"No."' in body
    stream = Listed(b'data: {"type":"response.output_text.delta","delta":"forbidden"}\n\n')
    _, body, _ = moderated(stream, b"", f"{RESPONSES}/r1", "GET")
    assert b"forbidden" not in body and b"response.incomplete" in body


@pytest.mark.parametrize("name", ["MODERATION_INPUT", "MODERATION_OUTPUT"])
def test_a_checker_that_cannot_work_stops_the_start(name: str) -> None:
    with pytest.raises(Exception, match=f"{name} is on, but MODERATION is not set"):
        startup.load({name: "1"})
    assert not startup.load({name: "0"}).moderation


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


def test_checkers_run_in_order_and_the_first_that_blocks_decides() -> None:
    async def clear(_: Outgoing) -> Answer:
        return json_answer({"results": [{"flagged": False}]})

    settings = {**API, "MODERATION": "words, openai"}
    upstream = Routed(chunk("Fine."), DONE, service=clear)
    _, body, line = moderated(upstream, PLAIN, CHAT, "POST", **settings)
    assert body == chunk("Fine.") + DONE and line["moderation_checks"] == 2 and len(upstream.asked) == 1
    upstream = Routed(chunk("forbidden"), DONE, service=clear)
    _, _, line = moderated(upstream, PLAIN, CHAT, "POST", **settings)
    assert line["moderation_label"] == "words" and upstream.asked == []


def test_after_an_open_failure_the_other_checkers_still_run() -> None:
    async def broken(_: Outgoing) -> Answer:
        return json_answer({}, 500)

    settings = {**API, "MODERATION": "openai,words", "MODERATION_ON_ERROR": "open"}
    upstream = Routed(chunk("Fine.\n"), chunk("forbidden\n"), chunk("More.\n"), DONE, service=broken)
    _, body, line = moderated(upstream, PLAIN, CHAT, "POST", **settings)
    assert body.startswith(chunk("Fine.\n")) and b"forbidden" not in body
    assert line["moderation"] == "block"
