"""What programs with the current openai SDK see of a content filter, through a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from proxy.moderation import batcher
from tests.conftest import Serve
from tests.support.upstream import Received, Script, Upstream, whole

HELLO: Any = [{"role": "user", "content": "你好"}]
FILTER = {"MODERATION": "words", "MODERATION_WORDS": "演示模型,禁词", "MODERATION_MESSAGE": "到此为止。"}


@pytest.fixture
def filtered(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the demo, with a filter for a word in its first sentences."""
    monkeypatch.setattr(batcher, "SECONDS", 1_000)  # on a busy machine the demo pauses within a word
    url = serve(DEMO="1", MODERATION_INPUT="1", **FILTER).url
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=2) as sdk:
        yield sdk


def test_a_chat_ends_with_the_message_and_its_reason(filtered: Any) -> None:
    answer = filtered.chat.completions.create(model="demo", messages=HELLO, max_tokens=18)
    assert answer.choices[0].finish_reason == "content_filter"
    chunks = list(filtered.chat.completions.create(model="demo", messages=HELLO, max_tokens=18, n=2, stream=True))
    texts = {0: "", 1: ""}
    for chunk in chunks:
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert all(text.endswith("到此为止。") and "演示" not in text for text in texts.values())
    assert {chunk.choices[0].index for chunk in chunks if chunk.choices[0].finish_reason == "content_filter"} == {0, 1}


def test_a_response_is_incomplete(filtered: Any) -> None:
    whole_answer = filtered.responses.create(model="demo", input="你好", max_output_tokens=18)
    assert (whole_answer.status, whole_answer.incomplete_details.reason) == ("incomplete", "content_filter")
    assert whole_answer.output_text == "到此为止。"
    with filtered.responses.stream(model="demo", input="你好", max_output_tokens=18) as stream:
        events = list(stream)
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == "content_filter"
    assert events[-1].response.output_text == "到此为止。"
    assert "演示" not in "".join(event.delta for event in events if event.type == "response.output_text.delta")


def test_older_completions_end_the_same_way(filtered: Any) -> None:
    last = list(filtered.completions.create(model="demo", prompt="你好", max_tokens=18, stream=True))[-1]
    assert (last.choices[0].finish_reason, last.choices[0].text) == ("content_filter", "到此为止。")


def test_a_refused_prompt_is_a_bad_request(filtered: Any) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        filtered.chat.completions.create(model="demo", messages=[{"role": "user", "content": "说禁词"}])
    assert (refused.value.code, refused.value.param) == ("content_filter", "messages")


def test_a_failed_check_is_not_asked_for_again(serve: Serve, upstream: Upstream) -> None:
    """Each attempt would cost an answer."""

    def answer(received: Received) -> Script:
        if received.target.endswith("/moderations"):
            return whole(b'{"error":{"message":"no"}}', 401)
        return whole(b'{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"}}]}')

    upstream.choose = answer
    url = serve(MODERATION="openai", MODERATION_OPENAI_KEY="sk-mod", PROXY_KEY="pk-4c1d-moderated").url
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-mine:pk-4c1d-moderated", max_retries=2) as sdk:
        with pytest.raises(openai.InternalServerError) as failed:
            sdk.chat.completions.create(model="m", messages=HELLO)
        assert failed.value.code == "moderation_unavailable"
    assert [received.target for received in upstream.received] == ["/v1/chat/completions", "/v1/moderations"]
    keys = [received.header("authorization") for received in upstream.received]
    assert keys == ["Bearer sk-mine", "Bearer sk-mod"]
