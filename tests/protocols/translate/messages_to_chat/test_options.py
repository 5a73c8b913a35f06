"""How much to think, and the other members of a request to the Messages API."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.protocols.translate.chat_providers import UNKNOWN, ChatProvider, provider_at
from tests.protocols.translate.messages_to_chat.asked import (
    DEEPSEEK,
    HI,
    MOONSHOT,
    OPENAI,
    OPENROUTER,
    messages,
    refusal,
    translated,
)

# how much to think


@pytest.mark.parametrize(
    ("thinking", "config", "expected"),
    [
        ({"type": "enabled", "budget_tokens": 3_999}, None, "low"),
        ({"type": "enabled", "budget_tokens": 4_000}, None, "medium"),
        ({"type": "enabled", "budget_tokens": 16_000}, None, "high"),
        ({"type": "enabled", "budget_tokens": 1_024}, {"effort": "max"}, "high"),
        ({"type": "adaptive"}, {"effort": "medium"}, "medium"),
        ({"type": "adaptive"}, None, None),
        (None, {"effort": "low"}, "low"),
        (None, {"effort": ["x"]}, None),
        (5, 5, None),
        ({"type": "disabled"}, {"effort": "high"}, None),
    ],
)
def test_effort_follows_the_request(thinking: Any, config: Any, expected: str | None) -> None:
    assert translated(thinking=thinking, output_config=config).request.get("reasoning_effort") == expected


def test_effort_is_one_that_the_provider_takes() -> None:
    def effort(provider: ChatProvider, value: str, **more: Any) -> Any:
        return translated(provider, output_config={"effort": value}, **more).request.get("reasoning_effort")

    assert [effort(DEEPSEEK, value) for value in ("low", "medium", "xhigh")] == ["low", "high", "max"]
    assert effort(OPENROUTER, "max") == "xhigh"
    assert effort(OPENAI, "high", reasons=True) == "high"
    for provider in (OPENAI, MOONSHOT):
        assert effort(provider, "high") is None
        assert translated(provider, output_config={"effort": "high"}).dropped == ["reasoning_effort"]


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        (DEEPSEEK, "deepseek-v4", {"thinking": {"type": "disabled"}}),
        (MOONSHOT, "kimi-k2.6", {"thinking": {"type": "disabled"}}),
        (MOONSHOT, "kimi-k2.7-code", {}),
        (OPENAI, "gpt-5.2", {"reasoning_effort": "none"}),
        (OPENAI, "openai/gpt-6", {"reasoning_effort": "none"}),
        (OPENAI, "gpt-5.2-codex", {}),
        (OPENAI, "gpt-5", {}),
        (OPENAI, "gpt-4o", {}),
        (UNKNOWN, "m", {}),
    ],
)
def test_thinking_is_switched_off_with_one_member(provider: ChatProvider, model: str, expected: dict[str, Any]) -> None:
    off = {"type": "disabled"}  # E18
    chat = translated(provider, model=model, thinking=off, output_config={"effort": "high"}).request
    assert {name: value for name, value in chat.items() if name not in ("model", "messages")} == expected


# other members


def test_the_limit_has_the_name_that_the_model_takes() -> None:
    assert translated(max_tokens=5).request["max_tokens"] == 5
    chat = translated(max_tokens=5, reasons=True).request
    assert chat["max_completion_tokens"] == 5 and "max_tokens" not in chat


def test_up_to_four_stop_sequences_pass() -> None:
    assert translated(stop_sequences=["a", "b", "c", "d"]).request["stop"] == ["a", "b", "c", "d"]
    assert "stop" not in translated(stop_sequences=[]).request
    assert refusal(stop_sequences=list("abcde")).param == refusal(stop_sequences="a").param == "stop_sequences"


def test_sampling_passes_where_it_is_taken() -> None:
    members: dict[str, Any] = {"temperature": 0, "top_p": 0.5, "top_k": 3}
    plain = translated(**members)
    assert plain.request["temperature"] == 0 and plain.request["top_p"] == 0.5 and plain.dropped == ["top_k"]
    assert translated(OPENROUTER, **members).request["top_k"] == 3
    assert translated(reasons=True, **members).dropped == ["temperature", "top_p", "top_k"]
    minimax = provider_at("https://api.minimax.io/v1")
    assert translated(minimax, temperature=0).request["temperature"] == 0.01
    assert translated(minimax, temperature=1.7).request["temperature"] == 1.0
    assert translated(temperature="x").request["temperature"] == "x"


def test_what_means_nothing_elsewhere_is_dropped_silently() -> None:
    members: dict[str, Any] = {
        "metadata": {"user_id": "u"},
        "cache_control": {},
        "service_tier": "auto",
        "betas": ["x"],
        "speed": None,
    }
    outcome = translated(**members)
    assert outcome.request == {"model": "m", "messages": [HI]} and outcome.dropped == []


def test_what_may_be_missed_is_named() -> None:
    outcome = translated(context_management={"edits": []}, inference_geo="us", **dict[str, Any]({"Bad\r\nname": 1}))
    assert outcome.dropped == ["context_management", "inference_geo"]
    many: dict[str, Any] = {f"member_{number}": 1 for number in range(99)}
    assert len(translated(**many).dropped) == 16


def test_a_prefill_passes() -> None:
    assert messages(HI, {"role": "assistant", "content": "{"})[-1] == {"role": "assistant", "content": "{"}


def test_a_stream_is_asked_for_with_its_usage() -> None:
    chat = translated(stream=True).request
    assert chat["stream"] is True and chat["stream_options"] == {"include_usage": True}
    assert "stream" not in translated(stream=False).request


def test_a_format_of_the_output_is_a_response_format() -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    expected = {"type": "json_schema", "json_schema": {"name": "output", "schema": {"type": "object"}}}
    assert translated(output_config={"format": form}).request["response_format"] == expected
    assert translated(output_format=form).request["response_format"] == expected
    for wrong in ({"type": "xml"}, {"type": "json_schema"}, "x"):
        assert refusal(output_config={"format": wrong}).param == "output_config"
