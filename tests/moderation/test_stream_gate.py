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
from proxy.relay import relay
from proxy.upstream import Answer, Outgoing
from tests.support import fake_clock
from tests.support.core import Listed, Routed, host, json_answer, request, run
from tests.support.moderation import API, ASKS, CHAT, DONE, RESPONSES, WORDS, chunk, objects
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


def test_a_text_whose_time_is_up_is_checked_while_an_earlier_check_is_under_way() -> None:
    started: list[float] = []

    async def service(_: Outgoing) -> Answer:
        started.append(asyncio.get_running_loop().time())
        await asyncio.sleep(3)
        return json_answer({"results": [{"flagged": False}]})

    async def go() -> bytes:
        body = await opened(Routed(chunk("One.\n"), chunk("two and"), 10.0, DONE, service=service), API)
        return b"".join([piece async for piece in body])

    assert fake_clock.run(go()) == chunk("One.\n") + chunk("two and") + DONE
    assert started[0] < 0.1 and batcher.SECONDS <= started[1] < 3


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
    async def go() -> Reply:
        place = host()
        place.capabilities = place.capabilities._replace(streams=False)
        upstream = Listed(chunk("Fine.\n"), chunk("forbidden\n"), DONE)
        return await relay(request(), startup.load(WORDS), upstream, place)

    reply = fake_clock.run(go())
    assert isinstance(reply.body, bytes) and reply.body.startswith(chunk("Fine.\n")) and reply.body.endswith(DONE)
    assert b"forbidden" not in reply.body and reply.headers.get("x-sluice-moderation") == "output; blocked"


def test_a_native_stream_passes_where_only_the_prompt_is_checked() -> None:
    class Native(Listed):
        async def send(self, outgoing: Outgoing) -> Answer:
            answer = await super().send(outgoing)
            answer.native = "the platform's own"
            return answer

    async def go(**more: str) -> Any:
        from proxy.streaming.delivery import Delivery

        place = host()
        place.capabilities = place.capabilities._replace(rewrites_stream=False)
        loaded = startup.load({**WORDS, "MODERATION_INPUT": "1", "KEEPALIVE_SECONDS": "0", **more})
        reply = await relay(request(body=ASKS + b"}"), loaded, Native(DONE), place)
        assert isinstance(reply.body, Delivery)
        native = await reply.body.hand_over()
        await reply.body.aclose()
        return native

    assert fake_clock.run(go(MODERATION_OUTPUT="0")) == "the platform's own"
    assert fake_clock.run(go()) is None


def test_an_upstream_that_fails_while_the_queue_is_full_is_told_behind_it() -> None:
    events = [chunk(f"{i}.\n") for i in range(50)]
    _, pieces = run(Listed(*events, UpstreamDisconnected()), request(), None, settings=WORDS)
    body = b"".join(pieces)
    assert body.startswith(b"".join(events)) and b"upstream_disconnected" in body


def test_an_upstream_that_fails_while_it_is_waited_for_has_its_last_words_checked() -> None:
    body = b"".join(run(Listed(chunk("Half a"), 0.01, UpstreamDisconnected()), request(), None, settings=WORDS)[1])
    assert body.startswith(chunk("Half a")) and b"upstream_disconnected" in body
