"""Upstreams send the same text in several events, or in only one of them: it is said once, whatever they do."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from proxy.protocols.translate.chat_to_responses.stream import ChatStream
from tests.support.responses import (
    added,
    call,
    completed,
    created,
    custom,
    done,
    event,
    message,
    read,
    reasoning,
    stream,
    text_delta,
)

REFUSED = {"type": "refusal", "refusal": "no"}
ITEMS = [
    reasoning("a1", "a2", encrypted_content="e", content=[{"type": "reasoning_text", "text": "a3"}]),
    message("b1", "b2", REFUSED),
    call('{"x":1}'),
    custom("SELECT"),
    message("b3", identifier="msg_2"),
]
# Each text: the kind of its events, the place of its item, its position there, and the member of its last event.
TEXTS = [
    ("reasoning_summary_text", 0, {"summary_index": 0}, "text", "a1"),
    ("reasoning_summary_text", 0, {"summary_index": 1}, "text", "a2"),
    ("reasoning_text", 0, {"content_index": 0}, "text", "a3"),
    ("output_text", 1, {"content_index": 0}, "text", "b1"),
    ("output_text", 1, {"content_index": 1}, "text", "b2"),
    ("refusal", 1, {"content_index": 2}, "refusal", "no"),
    ("function_call_arguments", 2, {}, "arguments", '{"x":1}'),
    ("custom_tool_call_input", 3, {}, "input", "SELECT"),
    ("output_text", 4, {"content_index": 0}, "text", "b3"),
]
EMPTY = [reasoning(), message(), call(), custom(), message(identifier="msg_2")]


def translated(*events: Any) -> dict[str, Any]:
    made = ChatStream("m", include_usage=False)
    return read(made.feed(stream(*events)) + made.end())


def calls(*events: Any) -> list[tuple[Any, ...]]:
    return [(each["id"], each["name"], each["given"]) for each in translated(*events)["tool_calls"]]


def all_events(sources: tuple[str, ...]) -> list[Any]:
    """Events with all texts, from these sources of them."""
    events = [created()]
    for place, (empty, whole) in enumerate(zip(EMPTY, ITEMS, strict=True)):
        texts = [text for text in TEXTS if text[1] == place]
        if "added" in sources:
            events.append(added(empty, place))
        for kind, _, position, member, text in texts:
            where = {"item_id": whole["id"], **position}
            if "delta" in sources:
                events += [event(f"{kind}.delta", place, delta=part, **where) for part in (text[:1], text[1:])]
            if "done" in sources:
                events.append(event(f"{kind}.done", place, **where, **{member: text}))
        if "item" in sources:
            events.append(done(whole, place))
    return [*events, completed(*(ITEMS if "output" in sources else ()))]


SOURCES = ("added", "delta", "done", "item", "output")
SETS = [chosen for size in (1, 2, 3, 4, 5) for chosen in itertools.combinations(SOURCES, size)]
# Without an item, a call has no name, and encrypted reasoning comes only with the whole item.
WHOLE = [chosen for chosen in SETS if {"item", "output"} & set(chosen)]


@pytest.mark.parametrize("sources", WHOLE, ids="-".join)
def test_every_text_is_said_once(sources: tuple[str, ...]) -> None:
    found = translated(*all_events(sources))
    assert found["content"] == "b1b2b3"
    assert found["refusal"] == "no"
    assert found["reasoning_content"] == "a1\n\na2\n\na3"
    assert [(each["kind"], each["name"], each["given"]) for each in found["tool_calls"]] == [
        ("function", "f", '{"x":1}'),
        ("custom", "c", "SELECT"),
    ]
    assert [detail["data"] for detail in found["reasoning_details"]] == ["sluice-e"]
    assert (found["finish_reason"], found["ended"]) == ("tool_calls", True)


@pytest.mark.parametrize("member", ["output_index", "item_id"])
@pytest.mark.parametrize("sources", [("added", "delta", "done", "item", "output"), ("added", "delta", "output")])
def test_a_place_or_an_id_is_enough(member: str, sources: tuple[str, ...]) -> None:
    events = [{name: value for name, value in each.items() if name != member} for each in all_events(sources)]
    found = translated(*events)
    assert (found["content"], found["reasoning_content"]) == ("b1b2b3", "a1\n\na2\n\na3")
    assert [each["given"] for each in found["tool_calls"]] == ['{"x":1}', "SELECT"]


def test_ids_that_change_with_each_event_do_not_matter() -> None:
    numbers = itertools.count()

    def item(given: str) -> dict[str, Any]:
        return call(given, id=f"fc_{next(numbers)}")

    delta = event("function_call_arguments.delta", item_id="fc_x", delta="{}")
    assert calls(added(item("")), delta, done(item("{}")), completed(item("{}"))) == [("call_1", "f", "{}")]


def test_neither_places_nor_ids_are_needed_for_one_item_after_the_other() -> None:
    delta = {"type": "response.function_call_arguments.delta", "delta": "{}"}
    first, second = call(id=None), call(id=None, call_id="call_2", name="g")
    events = [added(first, None), delta, done({**first, "arguments": "{}"}, None)]
    more = [added(second, None), delta, done({**second, "arguments": "{}"}, None)]
    expected = [("call_1", "f", "{}"), ("call_2", "g", "{}")]
    assert calls(*events, *more, completed()) == expected
    assert calls(events[2], more[2], completed()) == expected


def test_items_that_share_a_place_are_several() -> None:
    items = [call("{}", id=f"fc_{name}", call_id=name, name=name) for name in "ab"]
    assert calls(*(done(item, 0) for item in items), completed()) == [("a", "a", "{}"), ("b", "b", "{}")]
    pairs = [(added({**item, "arguments": ""}, 0), done(item, 0)) for item in items]
    assert calls(*itertools.chain(*pairs), completed(*items)) == [("a", "a", "{}"), ("b", "b", "{}")]


def test_wrong_positions_repeat_nothing() -> None:
    deltas = [text_delta("a"), text_delta("b")]  # parts 0 and 1, both as 0
    assert translated(added(message()), *deltas, done(message("a", "b")), completed())["content"] == "ab"


def test_a_whole_text_that_differs_adds_nothing() -> None:
    assert translated(text_delta("Hello"), done(message("Goodbye!")), completed())["content"] == "Hello"
    delta = event("function_call_arguments.delta", delta='{"x":1}')
    assert calls(added(call()), delta, done(call('{"x": 1}')), completed()) == [("call_1", "f", '{"x":1}')]


# calls: E2, E6


def test_arguments_may_come_with_the_start_alone() -> None:
    assert calls(added(call("{}")), completed()) == [("call_1", "f", "{}")]
    assert calls(added(call("{}")), done(call("")), completed(call(""))) == [("call_1", "f", "{}")]
    empty = event("function_call_arguments.done", arguments="")
    assert calls(added(call("{}")), empty, completed()) == [("call_1", "f", "{}")]


def test_arguments_may_be_an_object() -> None:
    assert calls(done(call({"x": [1]})), completed()) == [("call_1", "f", '{"x":[1]}')]
    assert calls(done(call(5)), completed()) == [("call_1", "f", "")]


def test_a_call_waits_for_its_name() -> None:
    delta = event("function_call_arguments.delta", delta="{}")
    assert calls(delta, completed(call("{}"))) == [("call_1", "f", "{}")]
    last = event("function_call_arguments.done", name="g", arguments="{}")
    assert calls(added(call(name=None)), delta, last, completed()) == [("call_1", "g", "{}")]
    found = translated(added(call(name="")), delta, completed())
    assert (found["tool_calls"], found["finish_reason"]) == ([], "stop")


def test_a_call_without_an_id_gets_one() -> None:
    ((identifier, _, _),) = calls(created(), added(call("{}", call_id=None)), completed())
    assert identifier.startswith("call_") and len(identifier) == len("call_") + 24
    assert calls(created(), added(call("{}", call_id=None)), completed()) == [(identifier, "f", "{}")]
    assert calls(done(call("{}", call_id=None)), completed()) == [("fc_1", "f", "{}")]
