"""A key's limits as the real SDKs meet them: which error they raise, and how often they try."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google import genai

from tests.conftest import Serve
from tests.support.budgets import ANSWER, SECRET, key
from tests.support.server import Server
from tests.support.upstream import Upstream, whole

HI: Any = [{"role": "user", "content": "Hi"}]
POOR = {"budget_usd": 0.000001}


@pytest.fixture
def server(serve: Serve, upstream: Upstream, tmp_path: Path) -> Server:
    upstream.play(whole(json.dumps(ANSWER).encode()))
    keys = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), "sk-owner-0123456789abcdef")
    addresses = dict.fromkeys(("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GEMINI_BASE_URL"), upstream.url)
    store = {"STORE": f"sqlite:{tmp_path / 'budgets.db'}", "STORE_TIMEOUT_MS": "60000"}
    return serve(**keys, **addresses, **store, SIGNING_SECRET=SECRET)


def by_openai(server: Server, sent: str) -> Any:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=sent, max_retries=2)
    return client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=HI)


def by_anthropic(server: Server, sent: str) -> Any:
    client = anthropic.Anthropic(base_url=server.url, api_key=sent, max_retries=2)
    return client.messages.create(model="claude-haiku-4-5", max_tokens=16, messages=HI)


def by_google(server: Server, sent: str) -> Any:
    client = genai.Client(api_key=sent, http_options={"base_url": server.url})
    return client.models.generate_content(model="gemini-2.5-flash", contents="Hi")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (by_openai, openai.RateLimitError),
        (by_anthropic, anthropic.RateLimitError),
        (by_google, genai.errors.ClientError),
    ],
)
def test_an_empty_budget_is_an_error_that_is_not_tried_again(
    server: Server, upstream: Upstream, call: Callable[[Server, str], Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"budget of 0\.000001 US dollars") as raised:
        call(server, key(**POOR))
    assert not upstream.received and len(server.lines) == 1
    if isinstance(raised.value, openai.RateLimitError):
        assert raised.value.code == raised.value.type == "insufficient_quota"


def test_openai_waits_out_a_limit_on_rates(server: Server, upstream: Upstream) -> None:
    """`retry-after` of a full minute is longer than the SDK waits, so it is said to whoever waits himself."""
    sent = key(rpm=1)
    assert by_openai(server, sent).headers["x-sluice-request-id"]
    with pytest.raises(openai.RateLimitError) as raised:
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=sent, max_retries=0).chat.completions.create(
            model="gpt-4o-mini", messages=HI
        )
    assert raised.value.code == "rate_limit_exceeded" and raised.value.type == "requests"
    assert 55 < float(raised.value.response.headers["retry-after"]) <= 66


def test_the_remaining_budget_is_in_the_headers(server: Server, upstream: Upstream) -> None:
    answer = by_openai(server, key(budget_usd=1))
    assert answer.headers["x-sluice-budget-remaining-usd"] == "0.9999976"
    assert "x-sluice-budget-remaining-usd" in answer.headers["access-control-expose-headers"]
