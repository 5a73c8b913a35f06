"""How the events of a stream become batches that are checked."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from proxy.moderation import batcher
from proxy.moderation.batcher import Batch, Batcher
from proxy.moderation.verdict import Text
from proxy.protocols import registry
from proxy.protocols.base import TextProtocol
from proxy.wire import sse
from tests.support.core import Listed, request, run
from tests.support.moderation import DONE, RESPONSES, WORDS, chunk, response


def batcher_of(kind: str = "chat") -> Batcher:
    protocol = registry.get(kind)
    assert isinstance(protocol, TextProtocol)
    return Batcher(protocol)


def cuts(*events: bytes, kind: str = "chat", now: float = 0.0) -> list[Batch]:
    collector = batcher_of(kind)
    batches = [batch for event in events for batch in collector.feed(event, now)]
    rest = collector.rest()
    return batches + ([rest] if rest else [])


def new(batches: list[Batch]) -> list[tuple[str, ...]]:
    return [tuple(text.new for text in batch.texts) for batch in batches]


def test_events_without_text_pass_at_once_and_wait_behind_text() -> None:
    tools = chunk("", tool_calls=[{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": ""}}])
    role, end = chunk("", role="assistant"), chunk("", "stop")
    batches = cuts(role, b": comment\n\n", chunk("Hi"), tools, end, DONE)
    assert [batch.events for batch in batches] == [role, b": comment\n\n", chunk("Hi") + tools + end, DONE]
    assert new(batches) == [(), (), ("Hi", "f"), ()]


def test_a_sentence_may_end_in_front_of_an_event_or_with_it() -> None:
    batches = cuts(
        chunk("One"), chunk("."), chunk(" Two"), chunk("3."), chunk("14 is. "), chunk("你好。我"), chunk("们！")
    )
    assert new(batches) == [("One.",), (" Two3.14 is. ",), ("你好。我们！",)]
    assert batches[1].texts[0] == Text(" Two3.14 is. ", "One.")


def test_choices_reasoning_and_tools_are_texts_of_their_own() -> None:
    delta = {
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
            {"type": "text", "text": "Yes"},
        ],
        "reasoning": "why",
        "reasoning_details": [{"type": "reasoning.text", "text": "why", "signature": "c2ln"}],
        "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a":"\\u7981\\n\\"'}}],
    }
    event = sse.event({"choices": [{"index": 0, "delta": delta}, {"index": 1, "text": "old"}, {"delta": None}, 5]})
    (batch,) = cuts(event)
    assert [text.new for text in batch.texts] == ["Hm", "Yes", "why", "f", '{"a":"禁\n"', "old"]
    delta["reasoning_details"] = [{"text": "another"}]
    assert "another" in new(cuts(sse.event({"choices": [{"delta": delta}]})))[0]


def test_what_is_repeated_is_not_checked_again() -> None:
    place = {"output_index": 0, "content_index": 0}
    batches = cuts(
        response(0, "output_text.delta", delta="Hello ", **place),
        response(1, "output_text.delta", delta="there", **place),
        response(2, "output_text.done", text="Hello there", **place),
        response(3, "function_call_arguments.delta", delta='{"a":"\\u7981"}', output_index=1),
        response(4, "function_call_arguments.done", arguments='{"a":"\\u7981"}', output_index=1),
        response(5, "completed", response={"output": [{"content": [{"text": "Hello there"}]}], "instructions": "x"}),
        response(6, "audio.delta", delta="c291bmQ="),
        response(7, "shell_call_output_content.delta", delta={"stdout": "out"}, output_index=2),
        response(8, "other.done", text="never said before"),
        b'event: error\ndata: {"type":"error","message":"no"}\n\n',
        kind="responses",
    )
    assert new(batches) == [("Hello there",), ('{"a":"禁"}',), (), (), ("out", "never said before"), ()]
    events = [chunk("One"), sse.event({"choices": [{"delta": {"content": " two"}, "message": {"content": "One two"}}]})]
    assert new(cuts(*events)) == [("One two",)]


def again(text: str, whole_text: str) -> bytes:
    return chunk(text).replace(b'"delta"', b'"message": {"content": %s}, "delta"' % json.dumps(whole_text).encode())


def test_what_is_repeated_is_known_from_its_beginning_and_not_by_a_part() -> None:
    assert new(cuts(again("in class. ", "ass"))) == [("in class. ", "ass")]
    assert new(cuts(again("in class. ", "in"), again("", "in class."))) == [("in class. ",), ()]
    assert new(cuts(again("in class. ", "in cl"))) == [("in class. ", "in cl")]
    # It may be longer than the pieces; then only the rest of it is new.
    batches = cuts(
        again("One. ", "One."), again("", "One. Two. "), again("", "One. Two. Three. "), again("", "Other. ")
    )
    assert "".join(sum(new(batches), ())) == "One. One. Two. Three. \nOther. "
    assert new(cuts(again("\ud83d", "\ud83d"), again("\ude00", "😀"), again(" ", "😀 ")))[0] == ("😀 ",)
    # The same characters may be an escape in one place and plain text in another.
    event = sse.event({"choices": [{"message": {"tool_calls": [{"function": {"arguments": '"b\\u0061d"'}}]}}]})
    assert new(cuts(chunk('"b\\u0061d"'), event)) == [('"b\\u0061d"', '"bad"')]
    assert new(cuts(arguments('"b\\u0061d"'), event)) == [('"bad"',)]


def test_a_text_that_only_grows_is_checked_once() -> None:
    words = [f"word{i}. " for i in range(500)]
    whole = list(itertools.accumulate(words))
    assert "".join("".join(texts) for texts in new(cuts(*(again("", whole_text) for whole_text in whole)))) == whole[-1]
    together = [again(word, whole_text) for word, whole_text in zip(words, whole, strict=True)]
    assert "".join("".join(texts) for texts in new(cuts(*together))) == whole[-1]


def test_calls_of_tools_side_by_side_are_texts_of_their_own() -> None:
    batches = cuts(arguments('{"a":"bad'), arguments('{"b":"', 1), arguments(' phrase"}'), arguments('"}', 1))
    assert new(batches) == [('{"a":"bad phrase"}', '{"b":""}')]


def test_the_name_of_a_function_is_a_text_however_often_it_is_said() -> None:
    def called(name: str) -> bytes:
        return chunk("", tool_calls=[{"index": 0, "function": {"name": name, "arguments": "1"}}])

    assert new(cuts(called("f"), called("f"), called("f"))) == [("f", "111")]
    # Clients join its pieces.
    assert new(cuts(called("forb"), called("idden"))) == [("forbidden", "11")]


@pytest.mark.parametrize(
    "event",
    [
        {"choices": [], "citations": ["forbidden"]},
        {"choices": [], "search_results": [{"title": "forbidden"}]},
        {"choices": [{"delta": {}, "note": "forbidden"}]},
        {"choices": ["forbidden"]},
        {"choices": "forbidden"},
        {"choices": [{"delta": {"role": "forbidden"}}]},
        {"choices": [{"delta": "forbidden"}]},
        {"choices": [{"text": ["forbidden"]}]},
        {"choices": [{"delta": {"audio": {"data": ["forbidden"]}}}]},
        {"choices": [{"delta": {"content": [{"type": "text", "data": "forbidden", "result": "forbidden"}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": "forbidden"}}]}}]},
    ],
)
def test_fields_of_a_provider_s_own_are_looked_at_in_a_stream(event: dict[str, Any]) -> None:
    for events in ([sse.event(event), DONE], [b"\xef\xbb\xbf" + sse.event(event)]):
        body = b"".join(run(Listed(*events), request(), None, settings=WORDS)[1])
        assert b"forbidden" not in body and b"content_filter" in body


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "delta": "", "note": "forbidden"},
        {"type": "response.created", "response": {"output_text": "forbidden"}},
        {"type": "response.created", "response": {"object": "response", "text": "forbidden"}},
        {"type": "response.output_item.added", "item": {"type": "function_call", "name": "forbidden"}},
        {"type": "response.output_item.done", "item": {"type": "mcp_call", "result": "forbidden"}},
    ],
)
def test_fields_of_a_provider_s_own_are_looked_at_in_a_response(event: dict[str, Any]) -> None:
    body = b"".join(run(Listed(sse.event(event)), request(RESPONSES), None, settings=WORDS)[1])
    assert b"forbidden" not in body and b"content_filter" in body


@pytest.mark.parametrize(
    "event",
    [
        {"choices": [{"delta": {"role": "assistant", "audio": {"id": "a", "data": "Zm9yYmlkZGVu"}}}]},
        {"choices": [{"delta": {"reasoning_details": [{"type": "reasoning.encrypted", "data": "Zm9yYmlkZGVu"}]}}]},
        {"id": "x", "system_fingerprint": "fp", "provider": "p", "usage": {"a": "b"}, "error": {"message": "no"}},
    ],
)
def test_what_is_known_to_be_no_text_is_not_looked_at(event: dict[str, Any]) -> None:
    assert new(cuts(sse.event(event))) == [()]


def test_what_a_response_repeats_of_its_request_is_not_looked_at() -> None:
    events = {"object": "response", "instructions": "x", "tools": [{"description": "x"}], "metadata": {"a": "x"}}
    image = {"type": "image_generation_call", "result": "Zm9yYmlkZGVu"}
    assert new(cuts(response(0, "created", response={**events, "output": [image]}), kind="responses")) == [()]


def test_what_is_no_json_is_looked_at_as_it_is() -> None:
    assert new(cuts(b"data: plain words\n\n")) == [("plain words",)]
    assert new(cuts(b'data: ["a","b"]\n\n')) == [("ab",)]
    assert new(cuts(b'data: {"error":{"message":"no"}}\n\n')) == [()]
    assert new(cuts(b'data: {"choices":[{"delta":{"content":"cut off"}}]}')) == [("cut off",)]


def test_halves_of_a_character_are_put_together() -> None:
    batches = cuts(chunk("\ud83d"), chunk("\ude00"), chunk("\ud83d\n"))
    assert new(batches) == [("😀\ufffd\n",)]


def arguments(text: str, index: int = 0) -> bytes:
    return chunk("", tool_calls=[{"index": index, "function": {"arguments": text}}])


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ('{"a":"bad\\u0077ord"}', '{"a":"badword"}'),
        ('"\\\\u0077\\\\\\u0077"', '"\\u0077\\w"'),
        ('"\\ud83d\\ude00\\\\ud83d"', '"😀\\ud83d"'),
        ('"a\\fb\\nc\\/\\""', '"a\fb\nc/""'),
        ('"\ud83d\ude00"', '"😀"'),
    ],
)
def test_an_escape_that_is_cut_between_two_batches_is_read_with_the_second(text: str, readable: str) -> None:
    for at in range(1, len(text)):
        collector = batcher_of()
        collector.feed(arguments(text[:at]), 0)
        batches = [
            batch
            for batch in (collector.tick(10), *collector.feed(arguments(text[at:]), 20), collector.rest())
            if batch
        ]
        assert b"".join(batch.events for batch in batches) == arguments(text[:at]) + arguments(text[at:])
        texts = [text for batch in batches for text in batch.texts]
        assert "".join(text.new for text in texts) == readable, at
        assert texts[-1].context == "".join(text.new for text in texts[:-1])


def test_a_word_that_is_escaped_is_found_behind_a_cut() -> None:
    """The context is measured as it is read: an escaped Chinese character has six characters."""
    for long in range(120, 145):
        escaped = json.dumps({"a": "好" * long + "禁词" + "好" * 50})
        for size in (4, 7):
            events = [arguments(escaped[i : i + size]) for i in range(0, len(escaped), size)]
            body = b"".join(run(Listed(*events, DONE), request(), None, settings=WORDS)[1])
            assert b"content_filter" in body, (long, size)


def test_age_and_length_end_a_batch_between_words_and_at_last_anywhere() -> None:
    collector = batcher_of()
    assert collector.wait(0) is None and collector.tick(0) is None and collector.rest() is None
    assert collector.feed(chunk("wor"), 10.0) == []
    assert collector.wait(10.2) == pytest.approx(0.8) and collector.tick(10.9) is None
    assert new([collector.tick(11.0) or Batch(b"", ())]) == [("wor",)]
    collector.feed(chunk("word "), 20.0)
    assert collector.wait(20.2) == pytest.approx(0.3)
    assert new([collector.tick(20.5) or Batch(b"", ())]) == [("word ",)]
    collector.feed(chunk("a"), 30.0)
    assert collector.feed(chunk("b"), 30.6) == [] and new(collector.feed(chunk(" c"), 30.7)) == [("ab",)]
    assert new(collector.feed(chunk("d"), 31.8)) == [(" cd",)]
    collector.feed(chunk("x" * batcher.LENGTH), 40.0)
    assert new(collector.feed(chunk(" y"), 40.0)) == [("x" * batcher.LENGTH,)]
    assert len(collector.feed(chunk("x" * batcher.LENGTH * 2), 40.0)) == 1
    assert collector.size == 0


def test_events_that_are_very_large_end_a_batch() -> None:
    collector = batcher_of()
    collector.feed(chunk("a"), 0)
    assert len(collector.feed(b": " + b"x" * 1_000_000 + b"\n\n", 0)) == 1


def test_while_busy_only_size_ends_a_batch() -> None:
    collector = batcher_of()
    collector.busy = True
    assert collector.feed(chunk("One.\n"), 0) == [] and collector.feed(chunk(" Two. "), 5) == []
    assert collector.wait(9) is None and collector.tick(9) is None
    assert collector.feed(chunk("x" * batcher.LENGTH * 2), 9) == []
    assert len(collector.feed(chunk("x" * batcher.LENGTH * 2), 9)) == 1
    collector.feed(chunk("Three.\n"), 10)
    collector.busy = False
    assert collector.wait(10) == 0 and new([collector.tick(10) or Batch(b"", ())]) == [("Three.\n",)]


def test_two_choices_end_a_batch_only_where_both_are_between_words() -> None:
    batches = cuts(chunk("One."), chunk("Tw", index=1), chunk(" Three"), chunk("o. ", index=1))
    assert new(batches) == [("One. Three", "Two. ")]
    batches = cuts(chunk("One."), chunk("Two. ", index=1), chunk("\n"))
    assert new(batches) == [("One.", "Two. "), ("\n",)]


def test_the_end_of_a_choice_is_the_end_of_its_last_word() -> None:
    batches = cuts(chunk("Yes", "stop"), chunk("No", index=1), chunk("pe", "stop", 1))
    assert new(batches) == [("Yes",), ("Nope",)]
