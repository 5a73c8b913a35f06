"""Each checker by itself: the word list, OpenAI's /moderations and Tencent's TMS."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import startup
from proxy.adapters.asyncio_host import AsyncioClock
from proxy.call import Call
from proxy.errors import ConfigError, UpstreamTimeout
from proxy.moderation import request_texts, service_call, windows
from proxy.moderation.checkers import load, tencent, words
from proxy.moderation.checkers.words import MAX_WORD_LENGTH, WordList, normalise
from proxy.moderation.policy import Policy
from proxy.moderation.runner import CheckRunner
from proxy.moderation.verdict import CheckFailed, Text, Verdict, most_severe
from proxy.relay import relay
from proxy.upstream import Answer, Outgoing
from tests.support import fake_clock
from tests.support.core import Body, Listed, Routed, host, json_answer, request

JSON = (("content-type", "application/json"),)
CLEAR = {"flagged": False, "category_scores": {"hate": 0.01, "violence": 0.02}}
DOUBTFUL = {"flagged": False, "category_scores": {"hate": 0.01, "violence": 0.4}}
FLAGGED = {"flagged": True, "category_scores": {"hate": 0.9, "violence": 0.4}}
HOST = "tms.tencentcloudapi.com"
KEYS = {"TMS_SECRET_ID": "AKIDexample", "TMS_SECRET_KEY": "secret"}


def answering(value: Any, status: int = 200) -> Routed:
    async def service(_: Outgoing) -> Answer:
        return json_answer(value, status)

    return Routed(service=service)


def ask(name: str, upstream: Listed, texts: Sequence[Text], **settings: str) -> Verdict:
    async def go() -> Verdict:
        call = Call(request(), startup.load({"MODERATION": name, "PROXY_KEY": "p", **settings}), host(), upstream)
        return await load(name).check(call, texts)

    return fake_clock.run(go())


def openai(upstream: Listed, *texts: str, **settings: str) -> Verdict:
    return ask("openai", upstream, [Text(item) for item in texts], **{"MODERATION_OPENAI_KEY": "sk-mod", **settings})


# --- the list of words


def has(listed: str, text: str, before: str = "") -> bool:
    return WordList(map(normalise, listed.split(","))).find(Text(text, before))


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("forbidden", "a FORBIDDEN thing"),
        ("forbidden", "ｆｏｒｂｉｄｄｅｎ"),
        ("forbidden", "for\u200bbid\u00adden"),
        ("bad phrase", "a bad\n  phrase"),
        ("straße", "STRASSE"),
        ("禁词", "这是禁词吗"),
        ("词", "这是禁词"),
        ("a,禁词", "禁词"),
        ("禁", "禁"),
        ("x", "an x."),
        ("ab,abc,abcd", "abcd"),
        ("c++", "in c++"),
    ],
)
def test_a_listed_word_is_found_however_it_is_written(listed: str, text: str) -> None:
    assert has(listed, text)


@pytest.mark.parametrize(
    ("listed", "text"),
    [("ass", "class assume"), ("x", "axe"), ("forbidden", ""), ("禁词", "禁 词"), ("word", "wor d"), ("ab", "abab")],
)
def test_words_are_whole_words_where_spaces_part_them(listed: str, text: str) -> None:
    assert not has(listed, text)


@given(st.text("ab禁词 .", min_size=1, max_size=30), st.integers(0, 30))
def test_a_word_that_is_cut_between_two_texts_is_found_by_the_second(text: str, at: int) -> None:
    before, new = text[:at], text[at:]
    if has("禁词,词b", text):
        assert has("禁词,词b", before) or has("禁词,词b", new, before)


def test_what_ended_in_the_first_is_not_found_again() -> None:
    assert not has("禁词,b,词", "x", "禁词 b, ")


def test_a_list_comes_from_a_file_and_a_setting(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("\ufeff# a comment\n\nFirst\r\n  # another\n二二\n", encoding="utf-8")
    settings = {"MODERATION_WORDS_FILE": str(file), "MODERATION_WORDS": "third"}
    for text in ("first", "二二", "third"):
        assert ask("words", Listed(), [Text("fine"), Text(text)], **settings) == Verdict("block", "words")
    assert ask("words", Listed(), [Text("a comment")], **settings) == Verdict("pass")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"# nothing\n\n", "without words"),
        (b"x" * (MAX_WORD_LENGTH + 1), f"more than {MAX_WORD_LENGTH} characters"),
    ],
)
def test_a_list_that_cannot_be_used_stops_the_start(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "words.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"MODERATION_WORDS_FILE.*{message}"):
        startup.load({"MODERATION": "words", "MODERATION_WORDS_FILE": str(file)})


def test_words_without_a_list_stop_the_start() -> None:
    with pytest.raises(ConfigError, match="Set MODERATION_WORDS or MODERATION_WORDS_FILE"):
        startup.load({"MODERATION": "words"})
    with pytest.raises(ConfigError, match="MODERATION_WORDS has a word"):
        startup.load({"MODERATION": "words", "MODERATION_WORDS": "x" * (MAX_WORD_LENGTH + 1)})


def test_a_hundred_thousand_words_are_no_burden() -> None:
    """A limit that only a change of magnitude exceeds. docs/moderation.md has the figures."""
    import time

    started = time.process_time()
    many = WordList(normalise(f"{chr(0x4E00 + i % 5000)}{chr(0x4E00 + i * 7 % 9000)}{i}") for i in range(100_000))
    built = time.process_time()
    assert not many.find(Text("一二三四五六七八九十,你好世界。" * 6_000))
    assert built - started < 5 and time.process_time() - built < 5


# --- OpenAI


def test_openai_is_asked_once_for_many_texts() -> None:
    upstream = answering({"results": [CLEAR, CLEAR]})
    assert openai(upstream, "one", " ", "two") == Verdict("pass")
    (sent,) = upstream.asked
    assert (sent.target.base_url, sent.target.key, sent.path) == ("https://api.openai.com/v1", "sk-mod", "moderations")
    assert json.loads(sent.body) == {"model": "omni-moderation-latest", "input": ["one", "two"]}
    assert dict(sent.headers)["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (FLAGGED, Verdict("block", "openai:hate")),
        (DOUBTFUL, Verdict("review", "openai:violence")),
        ({"flagged": True}, Verdict("block", "openai")),
        ({"flagged": False, "category_scores": {"hate": None}}, Verdict("pass")),
    ],
)
def test_openai_s_verdicts(result: Any, verdict: Verdict) -> None:
    assert openai(answering({"results": [result]}), "text") == verdict
    assert openai(answering({"results": [CLEAR, result]}), "text", "more") == verdict


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"results": []},
        {"results": [CLEAR, CLEAR]},
        {"results": ["no"]},
        {"results": [{"flagged": "no"}]},
        {"error": {"message": "x"}},
    ],
)
def test_an_answer_without_a_verdict_is_a_failure(value: Any) -> None:
    with pytest.raises(CheckFailed, match="malformed"):
        openai(answering(value), "text")


def test_whatever_goes_wrong_on_the_way_is_a_failure() -> None:
    with pytest.raises(CheckFailed, match="status_401"):
        openai(answering({"results": [CLEAR]}, 401), "text")

    async def silent(_: Outgoing) -> Answer:
        raise UpstreamTimeout("x")

    with pytest.raises(CheckFailed, match="upstream_timeout"):
        openai(Routed(service=silent), "text")
    bodies = [Body(b"no JSON"), Body(b"x" * 600_000, b"x" * 600_000)]
    for body, message in zip(bodies, ("malformed", "too_large"), strict=True):

        async def service(_: Outgoing, body: Body = body) -> Answer:
            return Answer(200, json_answer({}).headers, body)

        with pytest.raises(CheckFailed, match=message):
            openai(Routed(service=service), "text")
        assert body.closed


def test_long_texts_are_asked_for_in_pieces_until_one_is_blocked() -> None:
    async def service(outgoing: Outgoing) -> Answer:
        texts = json.loads(outgoing.body)["input"]
        assert all(len(text) <= 2_000 for text in texts)
        return json_answer({"results": [FLAGGED if "bad" in text else CLEAR for text in texts]})

    upstream = Routed(service=service)
    text = "word " * 30_000
    assert openai(upstream, text) == Verdict("pass")
    assert len(upstream.asked) == 3
    assert "".join("".join(json.loads(sent.body)["input"]) for sent in upstream.asked) == text
    upstream.asked.clear()
    assert openai(upstream, "bad " + text).level == "block" and len(upstream.asked) == 1


def test_openai_s_key_comes_from_where_it_may() -> None:
    def target(**settings: str) -> Any:
        upstream = answering({"results": [CLEAR]})
        ask("openai", upstream, [Text("x")], **settings)
        return upstream.asked[0].target

    own = {"OPENAI_API_KEY": "sk-server", "PROXY_KEY": "p"}
    assert target(**own).key == "sk-server"
    assert target(**{**own, "OPENAI_API_KEY": "sk-1,sk-2"}).key == "sk-2"
    there = {"MODERATION_OPENAI_BASE_URL": "https://other.example/v1", "MODERATION_OPENAI_KEY": "sk-mod"}
    assert (target(**own, **there).base_url, target(**own, **there).key) == ("https://other.example/v1", "sk-mod")
    with pytest.raises(ConfigError, match=r"Set MODERATION_OPENAI_KEY.*another server"):
        target(**own, MODERATION_OPENAI_BASE_URL="https://other.example/v1")
    with pytest.raises(ConfigError, match=r"Set MODERATION_OPENAI_KEY.*holds no key"):
        target()
    # Keys that begin with fk belong to another vendor, and go only there.
    mixed = {**own, "OPENAI_API_KEY": "fk-theirs,sk-ours"}
    assert (target(**mixed).base_url, target(**mixed).key) == ("https://api.openai.com/v1", "sk-ours")
    theirs = {**own, "OPENAI_API_KEY": "fk-theirs"}
    with pytest.raises(ConfigError, match=r"Set MODERATION_OPENAI_KEY.*no key for OPENAI_BASE_URL"):
        target(**theirs)
    assert target(**theirs, MODERATION_OPENAI_KEY="sk-mod").key == "sk-mod"
    assert target(**theirs, OPENAI_BASE_URL="https://openai.api2d.net/v1").key == "fk-theirs"
    several = {"UPSTREAMS": '[{"name":"a","base_url":"https://a.test/v1","keys":"sk-a"}]', "PROXY_KEY": "p"}
    with pytest.raises(ConfigError, match=r"Set MODERATION_OPENAI_KEY.*holds no key"):
        target(**several)
    chosen = target(**several, MODERATION_OPENAI_KEY="sk-mod")
    assert (chosen.base_url, chosen.key) == ("https://api.openai.com/v1", "sk-mod")
    chosen = target(**several, **there)
    assert (chosen.base_url, chosen.key) == ("https://other.example/v1", "sk-mod")
    with pytest.raises(ConfigError, match=r"MODERATION names openai.*DEMO"):
        target(DEMO="1", MODERATION_OPENAI_KEY="sk-mod")


# --- Tencent


def tms(suggestion: str, label: str = "Porn") -> dict[str, Any]:
    return {"Response": {"Suggestion": suggestion, "Label": label, "Score": 99, "RequestId": "r"}}


@pytest.mark.parametrize(
    ("suggestion", "verdict"),
    [
        ("Pass", Verdict("pass")),
        ("Review", Verdict("review", "tencent:Porn")),
        ("Block", Verdict("block", "tencent:Porn")),
    ],
)
def test_tencent_s_verdicts(suggestion: str, verdict: Verdict) -> None:
    upstream = answering(tms(suggestion))
    assert ask("tencent", upstream, [Text("你好")], **KEYS, TMS_BIZ_TYPE="mine", TMS_REGION="ap-singapore") == verdict
    (sent,) = upstream.asked
    assert (sent.target.base_url, sent.target.key, sent.path) == ("https://tms.tencentcloudapi.com", "", "")
    assert json.loads(sent.body) == {"Content": base64.b64encode("你好".encode()).decode(), "BizType": "mine"}
    headers = dict(sent.headers)
    assert (headers["x-tc-action"], headers["x-tc-version"]) == ("TextModeration", "2020-12-29")
    assert headers["x-tc-region"] == "ap-singapore" and "x-tc-token" not in headers


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Response": {"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "no"}}}, "AuthFailure"),
        ({"Response": {"Error": {}}}, "malformed"),
        (tms("Perhaps"), "malformed"),
        ({"Response": "Pass"}, "malformed"),
    ],
)
def test_tencent_s_errors_are_failures(value: Any, message: str) -> None:
    with pytest.raises(CheckFailed, match=message):
        ask("tencent", answering(value), [Text("x")], **KEYS)


def test_an_international_account_has_another_host() -> None:
    upstream = answering(tms("Pass"))
    host = "tms.intl.tencentcloudapi.com"
    ask("tencent", upstream, [Text("x")], **KEYS, TMS_HOST=host, TMS_REGION="ap-singapore")
    (sent,) = upstream.asked
    headers = dict(sent.headers)
    now = int(headers["x-tc-timestamp"])
    assert sent.target.base_url == f"https://{host}"
    assert headers["authorization"] == tencent.signature(host, "AKIDexample", "secret", sent.body, now)
    assert headers["authorization"] != tencent.signature(HOST, "AKIDexample", "secret", sent.body, now)


def test_tencent_gets_pieces_of_10_000_characters_and_stops_at_the_first_that_is_blocked() -> None:
    text = "字" * 25_000
    upstream = answering(tms("Pass"))
    ask("tencent", upstream, [Text(text)], **KEYS)
    sent = [base64.b64decode(json.loads(outgoing.body)["Content"]).decode() for outgoing in upstream.asked]
    assert [len(item) for item in sent] == [10_000, 10_000, 5_000] and "".join(sent) == text
    upstream = answering(tms("Block"))
    assert ask("tencent", upstream, [Text(text)], **KEYS).level == "block" and len(upstream.asked) == 1


def test_the_keys_of_the_function_s_role_serve_where_none_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="Set TMS_SECRET_ID"):
        startup.load({"MODERATION": "tencent"})
    monkeypatch.setenv("TENCENTCLOUD_SECRETID", "AKIDrole")
    monkeypatch.setenv("TENCENTCLOUD_SECRETKEY", "role-secret")
    monkeypatch.setenv("TENCENTCLOUD_SESSIONTOKEN", "token")
    with pytest.raises(ConfigError, match="Set TMS_SECRET_KEY"):
        startup.load({"MODERATION": "tencent", "TMS_SECRET_ID": "AKIDexample"})
    upstream = answering(tms("Pass"))
    ask("tencent", upstream, [Text("x")])
    headers = dict(upstream.asked[0].headers)
    assert headers["x-tc-token"] == "token" and "Credential=AKIDrole/" in headers["authorization"]


@given(
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    text=st.text(max_size=50),
    now=st.integers(1_600_000_000, 2_000_000_000),
)
def test_the_request_is_signed_as_tencent_s_own_sdk_signs_it(secret: str, text: str, now: int) -> None:
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.http.request import RequestInternal
    from tencentcloud.tms.v20201229.tms_client import TmsClient

    theirs = RequestInternal(HOST, "POST", "/", header={})
    with warnings.catch_warnings(), mock.patch("tencentcloud.common.abstract_client.time.time", return_value=now):
        warnings.simplefilter("ignore")  # the SDK asks for the time in a way that Python wants to get rid of
        client = TmsClient(Credential("AKIDexample", secret), "ap-guangzhou")
        client._build_req_with_tc3_signature("TextModeration", {"Content": text}, theirs)
    body = theirs.data.encode()
    assert tencent.signature(HOST, "AKIDexample", secret, body, now) == theirs.header["Authorization"]


def test_all_of_the_sdk_s_headers_that_matter_are_sent() -> None:
    from tencentcloud.common.http.request import RequestInternal
    from tencentcloud.tms.v20201229.tms_client import TmsClient

    upstream = answering(tms("Pass"))
    ask("tencent", upstream, [Text("x")], **KEYS)
    (sent,) = upstream.asked
    headers = dict(sent.headers)
    theirs = RequestInternal(HOST, "POST", "/", header={})
    now = int(headers["x-tc-timestamp"])
    with warnings.catch_warnings(), mock.patch("tencentcloud.common.abstract_client.time.time", return_value=now):
        warnings.simplefilter("ignore")
        client = TmsClient(credential(), "ap-guangzhou")
        client._build_req_with_tc3_signature("TextModeration", json.loads(sent.body), theirs)
    theirs.header.pop("Host")
    theirs.header.pop("X-TC-RequestClient")  # names the SDK
    theirs.header.pop("X-TC-Language", None)
    assert {name.lower(): value for name, value in theirs.header.items()}.items() <= headers.items()


def credential() -> Any:
    from tencentcloud.common.credential import Credential

    return Credential(KEYS["TMS_SECRET_ID"], KEYS["TMS_SECRET_KEY"])


def test_pieces_lose_nothing_and_leave_words_whole() -> None:
    text = "word " * 1_000
    pieces = list(service_call.split_texts([Text(text + " " * 200)], 99))
    assert "".join(pieces).rstrip() == text.rstrip() and all(len(item) <= 99 and item.endswith(" ") for item in pieces)
    assert list(service_call.split_texts([Text("two.", "One. This is "), Text(" ")], 99)) == ["This is two."]
    assert most_severe([]) == Verdict("pass") and words.MAX_WORD_LENGTH == 128


# --- what a filter may cost, and how long it keeps others waiting


@pytest.mark.parametrize("name", ["openai", "tencent"])
def test_a_filter_that_the_owner_pays_for_is_not_for_everybody(name: str) -> None:
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
def test_no_service_is_asked_about_more_than_was_set(level: str) -> None:
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
def test_long_texts_let_others_run(prompt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_cutting_a_long_text_takes_no_square_of_its_length() -> None:
    import time

    started = time.process_time()
    assert sum(map(len, service_call.split_texts([Text("word " * 4_000_000)], 2_000))) == 20_000_000
    assert windows.extended_context("", " " * 5_000_000) == " "
    assert time.process_time() - started < 5  # the square took 17 s
