"""The other members of a request to the Responses API."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.protocols.translate.chat_providers import provider_at
from tests.protocols.translate.responses_to_chat.asked import DEEPSEEK, OPENAI, refusal, translated

SCHEMA = {"type": "json_schema", "name": "gate", "schema": {"type": "object"}, "strict": True}


def test_a_plain_request_stays_plain() -> None:
    made = translated(store=False, include=["reasoning.encrypted_content"], prompt_cache_key="x", metadata={"a": "b"})
    assert made.request == {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    assert made.dropped == []


def test_limits_and_sampling_are_kept() -> None:
    made = translated(max_output_tokens=9, temperature=0.5, top_p=0.9).request
    assert (made["max_tokens"], made["temperature"], made["top_p"]) == (9, 0.5, 0.9)
    reasons = translated(OPENAI, True, max_output_tokens=9, temperature=0.5)
    assert reasons.request["max_completion_tokens"] == 9 and reasons.dropped == ["temperature"]


def test_a_stream_reports_its_usage() -> None:
    assert translated(stream=True).request["stream_options"] == {"include_usage": True}
    assert "stream" not in translated(stream=False).request


def test_an_effort_is_the_nearest_that_the_provider_knows() -> None:
    assert translated(reasoning={"effort": "xhigh", "summary": "auto"}).request["reasoning_effort"] == "high"
    assert translated(DEEPSEEK, reasoning={"effort": "medium"}).request["reasoning_effort"] == "high"
    off = translated(DEEPSEEK, reasoning={"effort": "none"}).request
    assert off["thinking"] == {"type": "disabled"} and "reasoning_effort" not in off  # E18
    assert "reasoning_effort" not in translated(reasoning={"effort": None}).request
    assert translated(provider_at("https://api.groq.com/openai/v1"), reasoning={"effort": "low"}).dropped == [
        "reasoning_effort"
    ]


def test_the_format_of_a_text_is_kept() -> None:
    made = translated(text={"format": SCHEMA, "verbosity": "low"})
    wanted = {"name": "gate", "schema": {"type": "object"}, "strict": True}
    assert made.request["response_format"] == {"type": "json_schema", "json_schema": wanted}
    assert made.dropped == ["text.verbosity"]
    assert translated(text={"format": {"type": "json_object"}}).request["response_format"] == {"type": "json_object"}
    assert "response_format" not in translated(text={"format": {"type": "text"}}).request
    for form in (5, {"type": "new"}, {"type": "json_schema"}):
        assert refusal(text={"format": form}).param == "text"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("conversation", {"id": "conv_1"}),
        ("prompt", {"id": "pmpt_1"}),
        ("background", True),
    ],
)
def test_what_needs_state_is_refused(name: str, value: Any) -> None:
    error = refusal(**{name: value})
    assert error.param == name and name in error.message


def test_what_cannot_be_done_is_named() -> None:
    made = translated(
        store=True, truncation="auto", max_tool_calls=3, service_tier="flex", top_logprobs=2, new_member=1
    )
    assert made.dropped == ["store", "truncation", "max_tool_calls", "service_tier", "top_logprobs", "new_member"]
    defaults = translated(truncation="disabled", service_tier="auto", background=False, top_logprobs=0, user="u")
    assert defaults.dropped == []


def test_the_response_repeats_the_request() -> None:
    made = translated(instructions="Be brief.", temperature=0.5, reasoning={"effort": "low"}, metadata={"a": "b"})
    assert made.echo["instructions"] == "Be brief." and made.echo["metadata"] == {"a": "b"}
    assert (made.echo["tool_choice"], made.echo["tools"], made.echo["truncation"]) == ("auto", [], "disabled")
    assert "input" not in made.echo
