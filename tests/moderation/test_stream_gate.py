"""The gate for streams: bytes pass unchanged, nothing stalls, checks overlap, and nothing flagged gets out."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy import startup
from proxy.errors import UpstreamDisconnected
from proxy.messages import ByteStream, Reply
from proxy.moderation import batcher, stream_gate
from proxy.moderation.batcher import Batch, Batcher
from proxy.moderation.verdict import Text
from proxy.protocols import registry
from proxy.relay import relay
from proxy.upstream import Answer, Outgoing
from proxy.wire import sse
from tests.support import fake_clock
from tests.support.core import Listed, Routed, host, json_answer, request, run
from tests.support.moderation import API, ASKS, CHAT, DONE, RESPONSES, WORDS, chunk, objects, response
from tests.support.streams import recorded

FILES = [file for file in recorded() if "-chat-" in file.name or "responses" in file.name or "vercel" in file.name]
SHORT = [file for file in FILES if file.stat().st_size < 60_000]
NOTHING = {**WORDS, "MODERATION_WORDS": "xyzzy-plugh", "ASSEMBLE": "off"}


def path_of(file: Path) -> str:
    return RESPONSES if "responses" in file.name else CHAT


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(marks)]


# --- bytes


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_recorded_streams_pass_byte_for_byte(file: Path) -> None:
    data = file.read_bytes()
    _, pieces = run(
        Listed(*(data[i : i + 4001] for i in range(0, len(data), 4001))), request(path_of(file)), None, settings=NOTHING
    )
    assert b"".join(pieces) == data
    assert all(piece.endswith((b"\n\n", b"\n\r\n", b"\r\r")) for piece in pieces[:-1])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_however_a_stream_is_cut_it_passes_byte_for_byte(data: st.DataObject) -> None:
    if not SHORT:
        pytest.skip("no recorded streams here")
    file = data.draw(st.sampled_from(SHORT))
    whole = file.read_bytes()
    pieces = cut(whole, data.draw(st.lists(st.integers(0, 60_000), max_size=40)))
    assert b"".join(run(Listed(*pieces), request(path_of(file)), None, settings=NOTHING)[1]) == whole


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_nothing_at_or_behind_a_flagged_sentence_gets_out(data: st.DataObject) -> None:
    """In any pieces, and in any field."""
    sentences = data.draw(
        st.lists(st.sampled_from(["你好。", "Hello there. ", "Is it 3.14? ", "世界！", "a\n"]), max_size=8)
    )
    at = data.draw(st.integers(0, len(sentences)))
    word = data.draw(st.sampled_from(["forbidden", "禁词"]))
    flagged = data.draw(st.sampled_from(["Now {} it is. ", "{}，", "现在{}了。", "({})\n"])).format(word)
    text = "".join([*sentences[:at], flagged, *sentences[at:]])
    start = len("".join(sentences[:at]))
    field = data.draw(st.sampled_from(["content", "reasoning_content", "refusal"]))
    marks = sorted({0, len(text), *data.draw(st.lists(st.integers(0, len(text)), max_size=12))})
    deltas = [text[a:b] for a, b in itertools.pairwise(marks)]
    events = [chunk("", None, 0, **{field: delta}) for delta in deltas]
    _, pieces = run(Listed(*events, chunk("", "stop"), DONE), request(), None, settings=WORDS)
    body = b"".join(pieces)
    released = "".join(
        item["choices"][0]["delta"].get(field, "") for item in objects(body) if not item["choices"][0]["finish_reason"]
    )
    assert text.startswith(released) and len(released) <= start
    assert objects(body)[-1]["choices"][0]["finish_reason"] == "content_filter" and body.endswith(DONE)


def test_a_word_cut_between_two_batches_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A very long sentence is cut between two words, where a phrase of two words continues across the cut."""
    monkeypatch.setattr(batcher, "LENGTH", 20)
    text = "no end of words here and then a bad phrase comes"
    events = [chunk(word) for word in text.replace(" ", "| ").split("|")]
    for size in range(1, 30):
        monkeypatch.setattr(batcher, "LENGTH", size)
        settings = {**WORDS, "MODERATION_WORDS": "bad phrase"}
        body = b"".join(run(Listed(*events, DONE), request(), None, settings=settings)[1])
        assert b"content_filter" in body and b"phrase" not in body, size


# --- nothing stalls


class Paced(Listed):
    """Sends each event only after the client has received the one before it."""

    def __init__(self, *events: bytes) -> None:
        super().__init__()
        self.events = list(events)
        self.permits = asyncio.Queue[None]()

    async def send(self, outgoing: Outgoing) -> Answer:
        answer = await super().send(outgoing)

        async def body() -> AsyncIterator[bytes]:
            for event in self.events:
                yield event
                await self.permits.get()

        answer.body = body()  # type: ignore[assignment]
        return answer


async def opened(upstream: Listed, more: dict[str, str] | None = None, body: bytes = ASKS + b"}") -> ByteStream:
    reply = await relay(request(body=body), startup.load({**WORDS, **(more or {})}), upstream, host())
    assert not isinstance(reply.body, bytes)
    return reply.body


async def _next(body: ByteStream) -> bytes:
    return await anext(body)


def within_seconds(work: Callable[[], Awaitable[None]]) -> None:
    fake_clock.run(asyncio.wait_for(work(), 10))


def test_each_sentence_arrives_before_the_next_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the sentence lets it through, not the clock."""
    monkeypatch.setattr(batcher, "SECONDS", 1_000)
    events = [chunk("", role="assistant"), chunk("你好。"), chunk("One!\n"), chunk("完了！"), chunk("x", "stop"), DONE]

    async def go() -> None:
        upstream = Paced(*events)
        body = await opened(upstream)
        for event in events:
            assert await anext(body) == event
            upstream.permits.put_nowait(None)
        await body.aclose()

    within_seconds(go)


@pytest.mark.parametrize("text", ["word", " two words", "好", "3."])
def test_what_never_ends_is_released_by_the_clock(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(batcher, "SECONDS", 0.01)
    events = [chunk(text) for _ in range(4)]

    async def go() -> None:
        upstream = Paced(*events)
        body = await opened(upstream)
        for event in events:
            assert await anext(body) == event
            upstream.permits.put_nowait(None)
        await body.aclose()

    within_seconds(go)


def test_large_events_that_say_little_go_out_without_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Audio with a transcript: the limit of held bytes is reached long before a sentence ends."""
    monkeypatch.setattr(batcher, "SECONDS", 1_000)
    event = chunk("", audio={"data": "A" * stream_gate._MAX_HELD_BYTES, "transcript": "Hel"})

    async def go() -> None:
        body = await opened(Paced(event))
        assert await anext(body) == event
        await body.aclose()

    within_seconds(go)


def test_pings_and_deadlines_go_on_while_a_check_is_under_way() -> None:
    async def go() -> None:
        asked = asyncio.Event()

        async def never(_: Outgoing) -> Answer:
            asked.set()
            await asyncio.sleep(1_000)
            raise AssertionError

        upstream = Routed(chunk("", role="assistant"), chunk("Hi.\n"), DONE, service=never)
        pings = {**API, "KEEPALIVE_SECONDS": "0.01", "KEEPALIVE_FIRST_SECONDS": "0.01"}
        body = await opened(upstream, pings)
        while (first := await anext(body)) == b": ping\n\n":  # on a busy machine
            pass
        assert first == chunk("", role="assistant")
        assert [await anext(body) for _ in range(3)] == [b": ping\n\n"] * 3 and asked.is_set()
        await body.aclose()
        assert upstream.body.closed
        prompts = await opened(Routed(DONE, service=never), {**pings, "MODERATION_INPUT": "1"})
        assert await anext(prompts) == b": ping\n\n"
        await prompts.aclose()
        alone = {**pings, "MODERATION_INPUT": "1", "MODERATION_OUTPUT": "0"}
        prompts = await opened(Routed(DONE, service=never), alone)
        assert await anext(prompts) == b": ping\n\n"
        await prompts.aclose()
        late = asyncio.Event()

        async def clear(_: Outgoing) -> Answer:
            await late.wait()
            return json_answer({"results": [{"flagged": False}]})

        prompts = await opened(Routed(chunk("Hi."), service=clear), alone)
        assert await anext(prompts) == b": ping\n\n"
        late.set()
        while (piece := await anext(prompts)) == b": ping\n\n":
            pass
        assert piece == chunk("Hi.")
        await prompts.aclose()
        timed = request(body=ASKS + b"}", deadline=0.3)
        reply = await relay(timed, startup.load({**WORDS, **API}), Routed(chunk("Hi.\n"), service=never), host())
        assert not isinstance(reply.body, bytes)
        assert b'"deadline"' in b"".join([piece async for piece in reply.body])
        await reply.body.aclose()

    within_seconds(go)


# --- checks overlap


@pytest.mark.parametrize("output", ["0", "1"])
def test_a_call_that_has_no_time_left_is_closed_before_anything_is_asked(output: str) -> None:
    upstream = Listed(DONE)
    more = {**WORDS, "MODERATION_INPUT": "1", "MODERATION_OUTPUT": output}
    reply, _ = run(upstream, request(body=ASKS + b"}", deadline=0.0), None, settings=more)
    assert (reply.status, upstream.sent) == (504, [])


def test_checks_are_under_way_together_and_applied_in_order() -> None:
    """The first check ends last, and nothing gets out before it."""

    async def go() -> None:
        waiting: dict[str, asyncio.Event] = {}
        started = asyncio.Semaphore(0)

        async def service(outgoing: Outgoing) -> Answer:
            (text,) = json.loads(outgoing.body)["input"]
            waiting[text] = asyncio.Event()
            started.release()
            await waiting[text].wait()
            return json_answer({"results": [{"flagged": "bad" in text}]})

        events = [chunk(f"{word}.\n") for word in ("one", "two", "bad")]
        upstream = Routed(*events, chunk("more.\n"), DONE, service=service)
        body = await opened(upstream, API)
        first = asyncio.ensure_future(_next(body))
        for _ in range(3):
            await started.acquire()
        waiting["bad.\n"].set()
        waiting["two.\n"].set()
        await asyncio.sleep(0.01)
        assert not first.done()
        waiting["one.\n"].set()
        assert await first == events[0]
        assert await anext(body) == events[1]
        assert b"content_filter" in await anext(body)
        with pytest.raises(StopAsyncIteration):
            await anext(body)
        assert upstream.body.closed

    within_seconds(go)


def test_a_slow_service_gets_fewer_and_larger_checks_and_the_upstream_is_not_read_without_end() -> None:
    async def go() -> None:
        gates: list[asyncio.Event] = []

        async def service(_: Outgoing) -> Answer:
            gates.append(asyncio.Event())
            await gates[-1].wait()
            return json_answer({"results": [{"flagged": False}]})

        events = [chunk(f"{i} {'word ' * 20}.\n") for i in range(400)]
        upstream = Routed(*events, service=service)
        body = await opened(upstream, API)
        reading = asyncio.ensure_future(_next(body))
        await asyncio.sleep(0.05)
        assert 4 <= len(gates) <= stream_gate._MAX_BATCHES
        assert len(upstream.body._steps) > 300
        got = []
        while True:
            for gate in gates:
                gate.set()
            try:
                got.append(await reading)
            except StopAsyncIteration:
                break
            reading = asyncio.ensure_future(_next(body))
            await asyncio.sleep(0)
        assert b"".join(piece or b"" for piece in got) == b"".join(events)
        assert len(gates) < 200
        await body.aclose()

    within_seconds(go)


def test_a_hit_gives_up_the_checks_behind_it() -> None:
    async def go() -> None:
        given_up = asyncio.Event()

        async def service(outgoing: Outgoing) -> Answer:
            if b"two" in outgoing.body:
                try:
                    await asyncio.sleep(1_000)
                except asyncio.CancelledError:
                    given_up.set()
                    raise
            await asyncio.sleep(0.01)
            return json_answer({"results": [{"flagged": True}]})

        body = await opened(Routed(chunk("one.\n"), chunk("two.\n"), 1_000, service=service), API)
        assert b"content_filter" in await anext(body)
        assert given_up.is_set()

    within_seconds(go)


def test_a_fault_of_our_own_is_an_error_event_and_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.moderation.checkers import words

    monkeypatch.setattr(words, "_load", lambda *_: (_ for _ in ()).throw(RuntimeError("a bug")))
    lines: list[str] = []
    with pytest.raises(RuntimeError):
        startup.load(WORDS)
    monkeypatch.undo()

    async def fault(*_: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(words, "check", fault)
    _, pieces = run(Listed(chunk("Hi.\n"), DONE), request(), lines, settings=WORDS)
    assert b"Hi" not in b"".join(pieces) and b"internal_error" in b"".join(pieces)


def test_a_buffered_door_gets_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    async def go() -> Reply:
        place = host()
        place.capabilities = replace(place.capabilities, streams=False)
        upstream = Listed(chunk("Fine.\n"), chunk("forbidden\n"), DONE)
        return await relay(request(), startup.load(WORDS), upstream, place)

    reply = fake_clock.run(go())
    assert isinstance(reply.body, bytes) and reply.body.startswith(chunk("Fine.\n")) and reply.body.endswith(DONE)
    assert b"forbidden" not in reply.body and reply.headers.get("x-sluice-moderation") == "output; blocked"


def test_a_native_stream_passes_where_only_the_prompt_is_checked() -> None:
    from dataclasses import replace

    class Native(Listed):
        async def send(self, outgoing: Outgoing) -> Answer:
            answer = await super().send(outgoing)
            answer.native = "the platform's own"
            return answer

    async def go(**more: str) -> Any:
        from proxy.streaming.delivery import Delivery

        place = host()
        place.capabilities = replace(place.capabilities, rewrites_stream=False)
        loaded = startup.load({**WORDS, "MODERATION_INPUT": "1", "KEEPALIVE_SECONDS": "0", **more})
        reply = await relay(request(body=ASKS + b"}"), loaded, Native(DONE), place)
        assert isinstance(reply.body, Delivery)
        native = await reply.body.hand_over()
        await reply.body.aclose()
        return native

    assert fake_clock.run(go(MODERATION_OUTPUT="0")) == "the platform's own"
    assert fake_clock.run(go()) is None


# --- the batcher by itself


def cuts(*events: bytes, kind: str = "chat", now: float = 0.0) -> list[Batch]:
    collector = Batcher(registry.get(kind))
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
        collector = Batcher(registry.get("chat"))
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
    collector = Batcher(registry.get("chat"))
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
    collector = Batcher(registry.get("chat"))
    collector.feed(chunk("a"), 0)
    assert len(collector.feed(b": " + b"x" * 1_000_000 + b"\n\n", 0)) == 1


def test_while_busy_only_size_ends_a_batch() -> None:
    collector = Batcher(registry.get("chat"))
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


def test_an_upstream_that_fails_while_the_queue_is_full_is_told_behind_it() -> None:
    events = [chunk(f"{i}.\n") for i in range(50)]
    _, pieces = run(Listed(*events, UpstreamDisconnected()), request(), None, settings=WORDS)
    body = b"".join(pieces)
    assert body.startswith(b"".join(events)) and b"upstream_disconnected" in body


def test_an_upstream_that_fails_while_it_is_waited_for_has_its_last_words_checked() -> None:
    body = b"".join(run(Listed(chunk("Half a"), 0.01, UpstreamDisconnected()), request(), None, settings=WORDS)[1])
    assert body.startswith(chunk("Half a")) and b"upstream_disconnected" in body
