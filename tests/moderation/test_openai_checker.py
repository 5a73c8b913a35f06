"""The checker `openai`: verdicts, failures, and where its key comes from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.errors import ConfigError, UpstreamTimeout
from proxy.moderation.verdict import CheckFailed, Text, Verdict
from proxy.upstream import Answer, Outgoing
from tests.support.checkers import CLEAR, DOUBTFUL, FLAGGED, answering, ask, openai
from tests.support.core import Body, Routed, json_answer


def test_many_texts_take_one_request() -> None:
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


def test_every_error_of_the_service_is_a_failure() -> None:
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


def test_long_texts_are_checked_in_parts_up_to_the_first_that_is_blocked() -> None:
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


def test_each_key_goes_only_to_its_own_service() -> None:
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
