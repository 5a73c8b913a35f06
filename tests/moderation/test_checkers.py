"""What all checkers share: who may use them, how much they check, and that long texts do not block other calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy import startup
from proxy.adapters.asyncio_host import AsyncioClock
from proxy.call import Call
from proxy.errors import ConfigError
from proxy.moderation import request_texts, service_call, windows
from proxy.moderation.checkers import words
from proxy.moderation.checkers.words import WordList
from proxy.moderation.policy import Policy
from proxy.moderation.runner import CheckRunner
from proxy.moderation.verdict import Text, Verdict, most_severe
from proxy.relay import relay
from proxy.upstream import Answer, Outgoing
from tests.support import fake_clock
from tests.support.checkers import CLEAR, JSON, KEYS, answering
from tests.support.core import Listed, Routed, host, json_answer, request


def test_parts_lose_no_text_and_cut_no_words() -> None:
    text = "word " * 1_000
    pieces = list(service_call.split_texts([Text(text + " " * 200)], 99))
    assert "".join(pieces).rstrip() == text.rstrip() and all(len(item) <= 99 and item.endswith(" ") for item in pieces)
    assert list(service_call.split_texts([Text("two.", "One. This is "), Text(" ")], 99)) == ["This is two."]
    assert most_severe([]) == Verdict("pass") and words.MAX_WORD_LENGTH == 128


@pytest.mark.parametrize("name", ["openai", "tencent"])
def test_a_paid_filter_requires_access_control(name: str) -> None:
    pays = {"MODERATION": f"words,{name}", "MODERATION_WORDS": "x", "MODERATION_OPENAI_KEY": "sk-mod", **KEYS}
    with pytest.raises(ConfigError, match=rf"MODERATION names {name}.*Set PROXY_KEY.*ALLOW_ANONYMOUS=1"):
        startup.load(pays)
    held = {"OPENAI_API_KEY": "sk-server"}
    allowed: list[dict[str, str]] = [
        {"PROXY_KEY": "p"},
        {"ALLOW_ANONYMOUS": "1"},
        {**held, "SIGNING_SECRET": "s" * 32},
        {**held, "ALLOW_ANONYMOUS": "1"},
        held,  # refuses every call
        {"MODERATION": "words"},
    ]
    for extra in allowed:
        startup.load({**pays, **extra})


@pytest.mark.parametrize("level", ["closed", "open"])
def test_services_check_at_most_the_configured_number_of_characters(level: str) -> None:
    from tests.support.moderation import ASKS, CHAT, DONE, chunk, moderated

    async def clear(outgoing: Outgoing) -> Answer:
        return json_answer({"results": [CLEAR] * len(json.loads(outgoing.body)["input"])})

    limits = {"MODERATION": "openai", "MODERATION_OPENAI_KEY": "sk-mod", "MODERATION_MAX_CHARACTERS": "1000"}
    settings = {**limits, "ALLOW_ANONYMOUS": "1", "MODERATION_ON_ERROR": level, "KEEPALIVE_SECONDS": "0"}
    # Of a prompt: the service is not called at all.
    upstream = Routed(DONE, service=clear)
    body = ASKS.replace(b"Hi", b"word " * 250) + b"}"
    reply, _, line = moderated(upstream, body, CHAT, "POST", **settings, MODERATION_INPUT="1", MODERATION_OUTPUT="0")
    assert upstream.asked == [] and line["moderation_label"] == "openai:too_long"
    assert (reply.status, bool(upstream.sent)) == ((502, False) if level == "closed" else (200, True))
    # Of an answer: the characters up to the limit are checked.
    upstream = Routed(*[chunk("word " * 60 + "end.\n")] * 30, DONE, service=clear)
    _, out, line = moderated(upstream, ASKS + b"}", CHAT, "POST", **settings)
    assert 1 <= len(upstream.asked) <= 3 and line["moderation_label"] == "openai:too_long"
    assert (b"moderation_unavailable" in out) == (level == "closed")


def test_a_check_of_few_characters_counts_as_one_of_100() -> None:
    upstream = answering({"results": [CLEAR]})
    settings = {"MODERATION": "openai", "MODERATION_OPENAI_KEY": "sk-mod", "MODERATION_MAX_CHARACTERS": "1000"}

    async def go() -> list[str]:
        call = Call(request(), startup.load({**settings, "PROXY_KEY": "p"}), host(), upstream)
        runner = CheckRunner(call, Policy(prompt=True, answer=None, high=False))
        return [(await runner.run([Text("x")])).action for _ in range(12)]

    assert fake_clock.run(go()) == ["pass"] * 10 + ["error"] * 2 and len(upstream.asked) == 10


class _Counted(AsyncioClock):
    """Counts the work between two moments at which other calls can run."""

    def __init__(self) -> None:
        self.since = self.worst = 0

    def count(self, characters: int) -> None:
        self.since += characters
        self.worst = max(self.worst, self.since)

    async def sleep(self, seconds: float) -> None:
        self.since = 0
        await super().sleep(seconds)


@pytest.mark.parametrize(
    "prompt",
    ["hello world " * 100_000, "你好世界，" * 100_000, "x" * 500_000, "\ufdfa" * 20_000, ["x"] * 50_000, [[]] * 50_000],
    ids=["words", "Chinese", "one word", "ligatures", "small texts", "no texts"],
)
def test_long_texts_do_not_block_other_calls(prompt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is counted in characters checked and values read, which take a few milliseconds at most."""
    clock = _Counted()
    find, read = WordList.find, request_texts._values

    def counted_find(self: WordList, text: Text) -> bool:
        clock.count(len(text.context) + len(text.new))
        return find(self, text)

    def counted_read(members: Any) -> Any:
        for text in read(members):
            clock.count(1)
            yield text

    monkeypatch.setattr(WordList, "find", counted_find)
    monkeypatch.setattr(request_texts, "_values", counted_read)

    async def go() -> None:
        settings = startup.load({"MODERATION": "words", "MODERATION_WORDS": "forbidden", "MODERATION_INPUT": "1"})
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": prompt}]}).encode()
        upstream = Listed(json.dumps({"choices": [{"message": {"content": prompt}}]}).encode(), headers=JSON)
        surroundings = host()
        surroundings.clock = clock
        reply = await relay(request(body=body), settings, upstream, surroundings)
        assert reply.status == 200 and isinstance(reply.body, bytes)

    fake_clock.run(go())
    assert 0 < clock.worst <= 3 * windows.SLICE_LENGTH


def test_splitting_a_long_text_takes_linear_time() -> None:
    import time

    started = time.process_time()
    assert sum(map(len, service_call.split_texts([Text("word " * 4_000_000)], 2_000))) == 20_000_000
    assert windows.extended_context("", " " * 5_000_000) == " "
    assert time.process_time() - started < 5  # the square took 17 s
