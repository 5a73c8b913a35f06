"""Usage by provider: every row of the table with what that provider really sends."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cost import dialects, figures
from proxy.protocols.usage import Usage, merged, reported
from tests.support.paths import SHARED

NATIVE = SHARED / "data" / "native"


class Shape(NamedTuple):
    """`answer` is an event or a body; `expected` are the figures that it means."""

    base_url: str
    answer: Any
    expected: dict[str, Any]


def chunk(usage: Any, **more: Any) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [], "usage": usage, **more}


NO_PARTS = {"audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
COMPATIBLE = {"prompt_tokens": 13, "completion_tokens": 27, "total_tokens": 40}

SHAPES: dict[str, list[Shape]] = {
    "openai": [
        Shape(
            "https://api.openai.com/v1",
            chunk(
                {
                    "prompt_tokens": 2006,
                    "completion_tokens": 300,
                    "total_tokens": 2306,
                    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0, "cache_write_tokens": 40},
                    "completion_tokens_details": {"reasoning_tokens": 192, **NO_PARTS},
                },
                service_tier="default",
            ),
            {"input": 2006, "output": 300, "cached": 1920, "cache_write": 40, "reasoning": 192, "tier": "default"},
        ),
        Shape(
            "https://api.openai.com/v1",
            {
                "type": "response.completed",
                "response": {
                    "service_tier": "priority",
                    "usage": {
                        "input_tokens": 315,
                        "input_tokens_details": {"cached_tokens": 0},
                        "output_tokens": 12,
                        "output_tokens_details": {"reasoning_tokens": 0},
                        "total_tokens": 327,
                    },
                },
            },
            {"input": 315, "output": 12, "cached": 0, "reasoning": 0, "tier": "priority"},
        ),
        Shape(
            "https://api.openai.com/v1",
            {
                "usage": {
                    "prompt_tokens": 40,
                    "completion_tokens": 90,
                    "total_tokens": 130,
                    "prompt_tokens_details": {"audio_tokens": 30, "cached_tokens": 0},
                    "completion_tokens_details": {"audio_tokens": 60, "reasoning_tokens": 0},
                }
            },
            {"input": 40, "output": 90, "cached": 0, "reasoning": 0, "audio_input": 30, "audio_output": 60},
        ),
    ],
    "azure": [
        Shape(
            "https://mine.openai.azure.com/openai/v1",
            chunk(
                {
                    "completion_tokens": 158,
                    "completion_tokens_details": {"reasoning_tokens": 64, **NO_PARTS},
                    "prompt_tokens": 168,
                    "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 0},
                    "total_tokens": 326,
                }
            ),
            {"input": 168, "output": 158, "cached": 0, "reasoning": 64},
        ),
        Shape(  # more read from the cache than was sent: not believed
            "https://mine.services.ai.azure.com/openai/v1",
            chunk(
                {
                    "prompt_tokens": 7,
                    "completion_tokens": 8,
                    "total_tokens": 15,
                    "prompt_tokens_details": {"text_tokens": 7, "cached_tokens": 161},
                    "cost_in_usd_ticks": 0,
                }
            ),
            {"input": 7, "output": 8},
        ),
    ],
    "anthropic": [
        Shape(
            "https://api.anthropic.com/v1",
            {
                "usage": {
                    "input_tokens": 2,
                    "cache_creation_input_tokens": 3068,
                    "cache_read_input_tokens": 100,
                    "cache_creation": {"ephemeral_5m_input_tokens": 68, "ephemeral_1h_input_tokens": 3000},
                    "output_tokens": 69,
                    "output_tokens_details": {"thinking_tokens": 9},
                    "service_tier": "standard",
                    "inference_geo": "global",
                }
            },
            {
                "input": 3170,
                "output": 69,
                "cached": 100,
                "cache_write": 3068,
                "cache_write_1h": 3000,
                "reasoning": 9,
                "tier": "standard",
            },
        ),
        Shape("https://api.anthropic.com/v1", chunk(COMPATIBLE), {"input": 13, "output": 27}),
    ],
    "gemini": [
        Shape(  # reasoning is in the total alone
            "https://generativelanguage.googleapis.com/v1beta/openai",
            chunk({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623}),
            {"input": 20, "output": 603, "reasoning": 405},
        ),
        Shape(
            "https://generativelanguage.googleapis.com/v1beta",
            {
                "usageMetadata": {
                    "promptTokenCount": 31,
                    "candidatesTokenCount": 684,
                    "thoughtsTokenCount": 1026,
                    "toolUsePromptTokenCount": 10,
                    "cachedContentTokenCount": 12,
                    "totalTokenCount": 1751,
                    "serviceTier": "standard",
                }
            },
            {"input": 41, "output": 1710, "cached": 12, "reasoning": 1026, "tier": "standard"},
        ),
        Shape(  # the interactions API
            "https://generativelanguage.googleapis.com/v1beta",
            {
                "usage": {
                    "total_tokens": 326,
                    "total_input_tokens": 266,
                    "total_cached_tokens": 0,
                    "total_output_tokens": 3,
                    "total_tool_use_tokens": 0,
                    "total_thought_tokens": 57,
                }
            },
            {"input": 266, "output": 60, "cached": 0, "reasoning": 57},
        ),
        Shape(
            "https://aiplatform.googleapis.com/v1",
            {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7, "thoughtsTokenCount": 9}},
            {"input": 5, "output": 16, "reasoning": 9},
        ),
    ],
    "xai": [
        Shape(
            "https://api.x.ai/v1",
            chunk(
                {
                    "prompt_tokens": 12,
                    "completion_tokens": 2,
                    "total_tokens": 354,
                    "prompt_tokens_details": {"text_tokens": 12, "audio_tokens": 0, "cached_tokens": 11},
                    "completion_tokens_details": {"reasoning_tokens": 340, **NO_PARTS},
                    "num_sources_used": 0,
                    "cost_in_usd_ticks": 1721250,
                }
            ),
            {"input": 12, "output": 342, "cached": 11, "reasoning": 340, "cost_usd": 0.000172125},
        ),
        Shape(  # without a total, by the row alone
            "https://eu-west-1.api.x.ai/v1",
            chunk({"prompt_tokens": 12, "completion_tokens": 500, "completion_tokens_details": {"reasoning_tokens": 40}}),
            {"input": 12, "output": 540, "reasoning": 40},
        ),
        Shape(  # the Responses API includes reasoning
            "https://api.x.ai/v1",
            {
                "usage": {
                    "input_tokens": 216,
                    "input_tokens_details": {"cached_tokens": 192},
                    "output_tokens": 863,
                    "output_tokens_details": {"reasoning_tokens": 237},
                    "total_tokens": 1079,
                }
            },
            {"input": 216, "output": 863, "cached": 192, "reasoning": 237},
        ),
    ],
    "deepseek": [
        Shape(
            "https://api.deepseek.com",
            chunk(
                {
                    "prompt_tokens": 600,
                    "completion_tokens": 212,
                    "total_tokens": 812,
                    "completion_tokens_details": {"reasoning_tokens": 198},
                    "prompt_cache_hit_tokens": 512,
                    "prompt_cache_miss_tokens": 88,
                }
            ),
            {"input": 600, "output": 212, "cached": 512, "reasoning": 198},
        ),
    ],
    "moonshot": [
        Shape(
            "https://api.moonshot.cn/v1",
            {
                "object": "chat.completion.chunk",
                "choices": [
                    {
                        "index": 0,
                        "delta": {},
                        "finish_reason": "stop",
                        "usage": {
                            "prompt_tokens": 19,
                            "completion_tokens": 13,
                            "total_tokens": 32,
                            "cached_tokens": 16,
                        },
                    }
                ],
            },
            {"input": 19, "output": 13, "cached": 16},
        ),
    ],
    "qwen": [
        Shape(
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            chunk(
                {
                    "prompt_tokens": 1563,
                    "completion_tokens": 200,
                    "total_tokens": 1763,
                    "prompt_tokens_details": {
                        "cache_type": "ephemeral",
                        "cache_creation_input_tokens": 1500,
                        "cache_creation": {"ephemeral_5m_input_tokens": 1500},
                        "cached_tokens": 0,
                    },
                    "completion_tokens_details": {"reasoning_tokens": 50},
                }
            ),
            {"input": 1563, "output": 200, "cached": 0, "cache_write": 1500, "reasoning": 50},
        ),
        Shape(
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            {"usage": {"input_tokens": 18, "output_tokens": 779, "total_tokens": 797}},
            {"input": 18, "output": 779},
        ),
    ],
    "zhipu": [
        Shape(
            "https://api.z.ai/api/paas/v4",
            chunk(
                {
                    "prompt_tokens": 13,
                    "completion_tokens": 564,
                    "total_tokens": 577,
                    "prompt_tokens_details": {"cached_tokens": 0},
                    "completion_tokens_details": {"reasoning_tokens": 561},
                }
            ),
            {"input": 13, "output": 564, "cached": 0, "reasoning": 561},
        ),
    ],
    "minimax": [
        Shape(
            "https://api.minimaxi.com/v1",
            chunk({"total_tokens": 1126, "total_characters": 0}, base_resp={"status_code": 0, "status_msg": ""}),
            {"total": 1126},
        ),
        Shape(
            "https://api.minimax.io/v1",
            {
                "usage": {
                    "total_tokens": 40,
                    "total_characters": 0,
                    "prompt_tokens": 13,
                    "completion_tokens": 27,
                    "completion_tokens_details": {"reasoning_tokens": 20},
                },
                "base_resp": {"status_code": 0, "status_msg": ""},
            },
            {"input": 13, "output": 27, "reasoning": 20},
        ),
    ],
    "mistral": [
        Shape(
            "https://api.mistral.ai/v1",
            chunk(
                {
                    "prompt_tokens": 291,
                    "total_tokens": 318,
                    "completion_tokens": 27,
                    "prompt_tokens_details": {"cached_tokens": 192},
                    "service_tier": "standard",
                }
            ),
            {"input": 291, "output": 27, "cached": 192, "tier": "standard"},
        ),
    ],
    "groq": [
        Shape(
            "https://api.groq.com/openai/v1",
            {
                "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                "x_groq": {
                    "id": "req_1",
                    "usage": {
                        "queue_time": 0.005,
                        "prompt_tokens": 339,
                        "prompt_time": 0.01,
                        "completion_tokens": 58,
                        "total_tokens": 397,
                        "total_time": 0.14,
                        "completion_tokens_details": {"reasoning_tokens": 38},
                    },
                },
            },
            {"input": 339, "output": 58, "reasoning": 38},
        ),
        Shape(  # its compound models report each model that took part
            "https://api.groq.com/openai/v1",
            {
                "x_groq": {
                    "usage": {"prompt_tokens": 5003, "completion_tokens": 359, "total_tokens": 5362},
                    "usage_breakdown": {
                        "models": [
                            {"model": "a", "usage": {"prompt_tokens": 4003, "completion_tokens": 300, "total_tokens": 4303}},
                            {"model": "b", "usage": {"prompt_tokens": 1000, "completion_tokens": 59, "total_tokens": 1059}},
                        ]
                    },
                }
            },
            {"input": 5003, "output": 359},
        ),
    ],
    "openrouter": [
        Shape(
            "https://openrouter.ai/api/v1",
            chunk(
                {
                    "prompt_tokens": 254,
                    "completion_tokens": 5,
                    "total_tokens": 259,
                    "cost": 0.000837,
                    "is_byok": False,
                    "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 100, "audio_tokens": 0},
                    "cost_details": {"upstream_inference_cost": 0.000837},
                    "completion_tokens_details": {"reasoning_tokens": 0, "image_tokens": 0},
                }
            ),
            {"input": 254, "output": 5, "cached": 0, "cache_write": 100, "reasoning": 0, "cost_usd": 0.000837},
        ),
        Shape(  # a model that is free
            "https://openrouter.ai/api/v1",
            chunk({**COMPATIBLE, "cost": 0}),
            {"input": 13, "output": 27, "cost_usd": 0.0},
        ),
        Shape(  # with the account's own key at the provider, cost is OpenRouter's fee
            "https://openrouter.ai/api/v1",
            chunk({**COMPATIBLE, "cost": 0.5, "is_byok": True, "cost_details": {"upstream_inference_cost": 9}}),
            {"input": 13, "output": 27, "cost_usd": 9.5},
        ),
        Shape(
            "https://openrouter.ai/api/v1",
            chunk({**COMPATIBLE, "cost": 0.5, "is_byok": True, "prompt_tokens_details": None}),
            {"input": 13, "output": 27},
        ),
    ],
    "perplexity": [
        Shape(
            "https://api.perplexity.ai",
            chunk(
                {
                    "prompt_tokens": 33,
                    "completion_tokens": 7163,
                    "total_tokens": 7196,
                    "search_context_size": "low",
                    "citation_tokens": 20016,
                    "num_search_queries": 18,
                    "reasoning_tokens": 73995,
                    "cost": {"input_tokens_cost": 0.0, "total_cost": 0.409},
                }
            ),
            {"input": 20049, "output": 81158, "reasoning": 73995, "cost_usd": 0.409},
        ),
        Shape("https://api.perplexity.ai", chunk(COMPATIBLE), {"input": 13, "output": 27}),
    ],
    "bedrock": [
        Shape(
            "https://bedrock-mantle.us-east-1.api.aws/v1",
            {
                "usage": {
                    "input_tokens": 88,
                    "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
                    "output_tokens": 14,
                    "output_tokens_details": {"reasoning_tokens": 0},
                    "total_tokens": 102,
                }
            },
            {"input": 88, "output": 14, "cached": 0, "reasoning": 0},
        ),
        Shape(  # Converse: the total has the cache in it, the input has not
            "https://bedrock-runtime.us-east-1.amazonaws.com",
            {
                "usage": {
                    "inputTokens": 10,
                    "outputTokens": 20,
                    "totalTokens": 1330,
                    "cacheReadInputTokens": 1000,
                    "cacheWriteInputTokens": 300,
                }
            },
            {"input": 1310, "output": 20, "cached": 1000, "cache_write": 300},
        ),
    ],
    "ollama": [
        Shape("http://localhost:11434/v1", chunk(COMPATIBLE), {"input": 13, "output": 27}),
        Shape(
            "http://gpu.example:11434",
            {"model": "llama3.2", "done": True, "prompt_eval_count": 26, "eval_count": 298, "eval_duration": 4709213000},
            {"input": 26, "output": 298},
        ),
    ],
    "vllm": [
        Shape(
            "http://10.0.0.5:8000/v1",
            chunk({**COMPATIBLE, "prompt_tokens_details": {"cached_tokens": 8}}),
            {"input": 13, "output": 27, "cached": 8},
        ),
        Shape(  # continuous_usage_stats: in each chunk
            "http://10.0.0.5:8000/v1",
            {"choices": [{"delta": {"content": "x"}}], "usage": {"prompt_tokens": 13, "completion_tokens": 1, "total_tokens": 14}},
            {"input": 13, "output": 1},
        ),
    ],
}  # fmt: skip
ALL = [(name, shape) for name, shapes in SHAPES.items() for shape in shapes]


def figures_of(answer: Any, base_url: str) -> dict[str, Any]:
    found = figures.of(reported(b"data: " + json.dumps(answer).encode() + b"\n\n"), dialects.of(base_url))
    return {name: getattr(found, name) for name in Usage.__slots__ if getattr(found, name) is not None}


def test_every_row_has_a_source_with_its_date_and_a_shape_here() -> None:
    assert [row.name for row in dialects.DIALECTS] == list(SHAPES)
    for row in dialects.DIALECTS:
        assert row.source.rpartition(", ")[2].startswith("2026-"), row.name


@pytest.mark.parametrize(("name", "shape"), ALL, ids=[name for name, _ in ALL])
def test_what_a_provider_reports(name: str, shape: Shape) -> None:
    assert dialects.of(shape.base_url).name == (name if name != "vllm" else "other")
    told = figures_of(shape.answer, shape.base_url)
    assert told.pop("cost_usd", None) == pytest.approx(shape.expected.get("cost_usd"))
    assert told == {name: value for name, value in shape.expected.items() if name != "cost_usd"}


@pytest.mark.parametrize(("name", "shape"), ALL, ids=[name for name, _ in ALL])
def test_a_relay_in_between_changes_no_token(name: str, shape: Shape) -> None:
    """At an address that says nothing, tokens are the same; only a charge is nobody's word."""
    told = figures_of(shape.answer, "https://relay.example/v1")
    assert "cost_usd" not in told
    if name not in ("perplexity", "xai"):
        told.pop("reasoning", None)
        expected = {name: value for name, value in shape.expected.items() if name not in ("cost_usd", "reasoning")}
        assert told == expected


def test_a_host_that_only_looks_like_a_provider_s_is_none() -> None:
    for base_url in ("https://api.x.ai.evil.example/v1", "https://evil.example/openrouter.ai", "", None):
        assert dialects.of(base_url) is dialects.OTHER
    assert dialects.of("https://openrouter.ai:443/api/v1").name == "openrouter"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        # B7: reasoning beside completion, in the total alone.
        ({"prompt_tokens": 10120, "completion_tokens": 1499, "total_tokens": 14428}, (10120, 4308)),
        ({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623}, (20, 603)),
        # Totals that contradict their parts from below say nothing.
        ({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 5}, (20, 198)),
        ({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 0}, (20, 198)),
        ({"completion_tokens": 198, "total_tokens": 218}, (20, 198)),
        ({"prompt_tokens": 0, "completion_tokens": 198, "total_tokens": 218}, (20, 198)),
        ({"prompt_tokens": 20, "total_tokens": 218}, (20, 198)),
        ({"prompt_tokens": 20, "total_tokens": 20}, (20, None)),  # embeddings
        # More reasoning than output, and no total: it can only be beside it.
        ({"prompt_tokens": 1, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 9}}, (1, 11)),
        # Both spellings, one of them empty.
        ({"prompt_tokens": 0, "completion_tokens": 0, "input_tokens": 3, "output_tokens": 4}, (3, 4)),
    ],
)
def test_contradictions(usage: dict[str, Any], expected: tuple[int, int | None]) -> None:
    found = figures.of(usage)
    assert (found.input, found.output) == expected


NAMES = sorted({path for paths in dialects.COUNTS.values() for path in paths})
VALUES = st.one_of(st.none(), st.integers(-5, 10**13), st.floats(), st.text(max_size=3), st.booleans(), st.just([]))


@st.composite
def usages(draw: st.DrawFn) -> dict[str, Any]:
    usage: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(NAMES), max_size=12)):
        place = usage
        for name in path[:-1]:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                break
        else:
            place[path[-1]] = draw(VALUES)
    return usage


@given(usages(), st.sampled_from([*dialects.DIALECTS, dialects.OTHER]))
def test_no_figure_is_negative_and_no_part_exceeds_its_whole(usage: dict[str, Any], dialect: dialects.Dialect) -> None:
    found = figures.of(usage, dialect)
    for name in Usage.__slots__:
        value = getattr(found, name)
        assert value is None or isinstance(value, str) or value >= 0
    if found.input is not None:
        assert (found.cached or 0) + (found.cache_write or 0) <= found.input
    if found.output is not None:
        assert (found.reasoning or 0) <= found.output and (found.audio_output or 0) <= found.output
    assert (found.cache_write_1h or 0) <= (found.cache_write or 0)


COUNT = st.integers(1, 10**6)


@given(COUNT, COUNT, st.integers(0, 10**6))
def test_output_is_never_more_than_the_total(prompt: int, completion: int, beside: int) -> None:
    total = prompt + completion + beside
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
        "completion_tokens_details": {"reasoning_tokens": beside},
    }
    for dialect in (row for row in dialects.DIALECTS if not row.outside_total):
        found = figures.of(usage, dialect)
        assert found.input is not None and found.output is not None
        assert found.input + found.output == total and found.output <= total


@given(
    st.lists(st.tuples(COUNT, COUNT), min_size=1, max_size=6),
    st.lists(st.sampled_from([{}, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, None]), max_size=4),
    st.randoms(use_true_random=False),
)
def test_the_last_complete_figures_count_wherever_they_come(
    counts: list[tuple[int, int]], empty: list[Any], random: Any
) -> None:
    """In the first chunk, in the last or in each, with chunks in between that report nothing, null or zeros."""
    full = [
        {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
        for prompt, output in counts
    ]
    chunks: list[Any] = list(full)
    for nothing in empty:
        chunks.insert(random.randrange(len(chunks) + 1), nothing)
    found: dict[str, Any] = {}
    for usage in chunks:
        found = merged(found, reported(b'data: {"usage":' + json.dumps(usage).encode() + b"}\n\n"))
    last = figures.of(found)
    assert (last.input, last.output) == counts[-1]
    as_one = b"".join(b'data: {"usage":' + json.dumps(usage).encode() + b"}\n\n" for usage in chunks)
    assert figures.of(reported(as_one)) == last


@given(COUNT, st.integers(0, 1000), st.integers(0, 1000), COUNT, st.booleans())
def test_first_and_last_are_merged_figure_by_figure(
    fresh: int, read: int, written: int, output: int, repeats: bool
) -> None:
    """The Messages API has the input at the beginning of a stream and the output at its end."""
    start = {"input_tokens": fresh, "cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    end = {"output_tokens": output, **({"input_tokens": fresh} if repeats else {})}
    for parts in ([{**start, "output_tokens": 1}, end], [end, start]):
        found: dict[str, Any] = {}
        for part in parts:
            found = merged(found, part)
        told = figures.of(found)
        assert (told.input, told.output) == (fresh + read + written, output)
        assert (told.cached, told.cache_write) == (read, written or None)


@pytest.mark.skipif(not NATIVE.exists(), reason="the recorded streams are not beside this checkout")
@pytest.mark.parametrize("folder", ["messages", "gemini"])
def test_recorded_native_streams_report_what_their_last_figures_say(folder: str) -> None:
    checked = 0
    for file in sorted((NATIVE / folder).glob("*.sse")):
        found = figures.of(reported(file.read_bytes()))
        assert found.input and found.output, file.name
        assert (found.reasoning or 0) <= found.output and (found.cached or 0) <= found.input, file.name
        checked += 1
    assert checked > 20
