"""Counting: the rules, on small requests whose count OpenAI's API gave; and that no text can make it take for ever."""

from __future__ import annotations

import json
import random
import string
import time
from base64 import b64encode
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy import tokens
from proxy.errors import ConfigError, NotInstalled
from proxy.protocols.responses_prompt import as_chat
from proxy.tokens import completion, images, prompt, vocabulary
from proxy.tokens.counter import Count
from proxy.tokens.models import CL100K, O200K, model_of
from proxy.tokens.schema import MAX_CHARACTERS, Renderer, TooLarge
from proxy.tokens.vocabulary import Budget
from tests.support.counting import count_prompt
from tests.support.paths import SHARED

TRUTH = SHARED / "data" / "tokens" / "truth-open.jsonl"
CORE = {"text", "tools", "tool_history", "functions_legacy", "json_schema", "image_data"}


def plenty() -> Budget:
    return Budget(10**9, 60, time.monotonic)


def counted(request: dict[str, Any]) -> Count:
    return prompt.count(request, plenty())


def renderer() -> Renderer:
    return Renderer(True, Budget(10**9, 60, time.monotonic))


def user(text: Any, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}


def tool(name: str, properties: dict[str, Any], told: str = "", **more: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, **more}
    return {"type": "function", "function": {"name": name, "description": told, "parameters": parameters}}


WEATHER = tool("get_weather", {"city": {"type": "string"}}, required=["city"])
OLD = "gpt-3.5-turbo-0613"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        # Recorded by OpenAI's API; from the tests of hmarr/openai-chat-tokens (b8e3b11d4f50, MIT).
        (user("hello", model=OLD, functions=[{"name": "foo", "parameters": {"type": "object", "properties": {}}}]), 31),
        (
            user(
                "hello",
                model=OLD,
                functions=[{"name": "foo", "parameters": {"type": "object", "properties": {}}}],
                function_call={"name": "foo"},
            ),
            36,
        ),
        (
            user(
                "hello",
                model=OLD,
                functions=[{"name": "foo", "parameters": {"type": "object", "properties": {}}}],
                function_call="none",
            ),
            32,
        ),
        # From pydantic/pydantic-ai's recordings (4fda38988f29, MIT).
        (
            {"model": "o3-mini", "messages": [{"role": "user", "content": "What is the capital of France?"}]},
            13,
        ),
        (user("What's the weather in Paris?", tools=[WEATHER], tool_choice="auto"), 43),
        (
            {
                "model": "gpt-4o-mini",
                "messages": [
                    {"role": "user", "content": "What's the weather in Paris?"},
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}],
                    },
                    {"role": "tool", "content": "It's sunny in Paris."},
                ],
                "tools": [WEATHER],
            },
            70,
        ),
        (
            {
                "model": "gpt-5-nano",
                "messages": [
                    {"role": "user", "content": "What is 5 + 3?"},
                    {"role": "assistant", "content": "8"},
                    {"role": "user", "content": "Now multiply that by 2"},
                ],
            },
            31,
        ),
        (
            user(
                "Return the three primary colors.",
                response_format={
                    "type": "json_schema",
                    "json_schema": {
                        "name": "primary_colors",
                        "schema": {
                            "type": "object",
                            "properties": {"colors": {"type": "array", "items": {"type": "string"}}},
                            "required": ["colors"],
                            "additionalProperties": False,
                        },
                        "strict": True,
                    },
                },
            ),
            49,
        ),
    ],
)
def test_prompts_count_as_the_api_counts_them(request_: dict[str, Any], expected: int) -> None:
    found = counted(request_)
    assert (found.tokens, found.certainty, found.notes) == (expected, "exact", ())


def called(*calls: tuple[str, str], **more: Any) -> dict[str, Any]:
    tool_calls = [{"type": "function", "function": {"name": name, "arguments": given}} for name, given in calls]
    return {"role": "assistant", "tool_calls": tool_calls, **more}


def result(text: str) -> dict[str, Any]:
    return {"role": "tool", "content": text}


@pytest.mark.parametrize(
    ("model", "messages", "more", "expected"),
    [
        (  # hmarr/openai-chat-tokens b8e3b11d4f50 (MIT): nested objects as the first models read them
            OLD,
            [{"role": "user", "content": "hello"}],
            {
                "functions": [
                    {
                        "name": "bing_bong",
                        "description": "Do a bing bong",
                        "parameters": {
                            "type": "object",
                            "properties": {
                                "foo": {
                                    "type": "object",
                                    "properties": {
                                        "bar": {"type": "string", "enum": ["a", "b", "c"]},
                                        "baz": {"type": "boolean"},
                                    },
                                }
                            },
                        },
                    }
                ]
            },
            68,
        ),
        (  # pydantic/pydantic-ai 4fda38988f29 (MIT): gpt-5 without and with parameters, and after a call
            "gpt-5-mini",
            [{"role": "user", "content": "Call the get_mixed_content tool and describe what you received."}],
            {"tools": [tool("get_mixed_content", {})]},
            126,
        ),
        (
            "gpt-5-mini",
            [
                {"role": "user", "content": "What's the weather in Paris?"},
                called(("get_weather", '{"city":"Paris"}')),
                result("Sunny, 22C in Paris"),
            ],
            {
                "tools": [
                    tool(
                        "get_weather",
                        {"city": {"type": "string"}},
                        "Get the current weather for a city.",
                        required=["city"],
                    )
                ]
            },
            167,
        ),
        (  # activeagents/activeagent a76142897fc6 (MIT): a tool that is chosen by name
            "gpt-4o-mini",
            [{"role": "user", "content": "What's the weather?"}],
            {
                "tools": [tool("get_weather", {"location": {"type": "string"}}, "Get weather", required=["location"])],
                "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
            },
            53,
        ),
        (  # open-telemetry/opentelemetry-python-contrib 466ae4c00de7 (Apache-2.0): two calls at once
            "gpt-4o-mini",
            [
                {"role": "system", "content": "You're a helpful assistant."},
                {"role": "user", "content": "What's the weather in Seattle and San Francisco today?"},
                called(
                    ("get_current_weather", '{"location": "Seattle, WA"}'),
                    ("get_current_weather", '{"location": "San Francisco, CA"}'),
                ),
                result("50 degrees and raining"),
                result("70 degrees and sunny"),
            ],
            {},
            99,
        ),
    ],
)
def test_tools_and_their_history_count_as_the_api_counts_them(
    model: str, messages: list[dict[str, Any]], more: dict[str, Any], expected: int
) -> None:
    found = counted({"model": model, "messages": messages, **more})
    assert (found.tokens, found.certainty) == (expected, "exact")


def test_what_stands_around_a_call_is_counted() -> None:
    """By the rules, where no recording is small enough to stand here."""
    plain = [called(("f", "{}")), result("x")]
    base = counted({"model": "gpt-4o", "messages": plain}).tokens
    assert counted({"model": "gpt-4o", "messages": [{**plain[0], "name": "bob"}, plain[1]]}).tokens == base + 2
    assert counted({"model": "gpt-4o", "messages": [{**plain[0], "content": "Hi"}, plain[1]]}).tokens == base + 5
    legacy = {"role": "function", "name": "f", "content": "x"}
    assert counted({"model": "gpt-4o", "messages": [legacy]}).tokens == (
        counted({"model": OLD, "messages": [legacy]}).tokens + 2
    )
    tools = {"tools": [tool("f", {"a": {"type": "string", "description": "d"}})]}
    newer = counted(user("x", model="gpt-5", **tools)).tokens
    assert counted(user("x", model="gpt-5.1", **tools)).tokens == newer - 1
    assert counted(user("x", model="o1", **tools)).tokens == counted(user("x", **tools)).tokens + 1
    listed = {"name": "n", "schema": {"type": "object", "anyOf": [{"required": ["a"]}, {}]}}
    bare = {"name": "n", "schema": {"type": "object", "anyOf": [{}, {}]}}
    same = [user("x", response_format={"type": "json_schema", "json_schema": one}) for one in (listed, bare)]
    assert counted(same[0]).tokens == counted(same[1]).tokens


@pytest.mark.skipif(not TRUTH.exists(), reason="the recorded requests are not beside this checkout")
def test_the_measured_accuracy_holds() -> None:
    errors: dict[str, list[int]] = {}
    shares = []
    said = {"exact": 0, "wrong": 0}
    for line in TRUTH.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["category"] in CORE:
            found = counted(row["request"])
            error = found.tokens - row["prompt_tokens"]
            errors.setdefault(row["category"], []).append(error)
            shares.append(abs(error) / row["prompt_tokens"])
            if found.certainty == "exact":
                said["exact" if not error else "wrong"] += 1
    every = [error for found in errors.values() for error in found]
    assert share(every, 0) >= 0.97
    assert share(every, 1) >= 0.98
    assert sum(shares) / len(shares) <= 0.002
    assert share(errors["text"], 0) >= 0.99
    assert said["exact"] / (said["exact"] + said["wrong"]) >= 0.97


@pytest.mark.skipif(not TRUTH.exists(), reason="the recorded requests are not beside this checkout")
def test_the_measured_accuracy_of_answers_holds() -> None:
    errors = []
    for line in TRUTH.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        left_out = row["category"] in ("audio_or_file", "builtin_tools")
        if left_out or len(row.get("output") or ()) != 1 or row["completion_tokens"] is None:
            continue
        seen = row["completion_tokens"] - row["reasoning_tokens"]
        if seen > 0:
            answer = completion.count(row["request"], [row["output"][0].get("message") or {}], plenty())
            errors.append(answer.tokens - seen)
    assert len(errors) > 800
    assert share(errors, 1) >= 0.94


def share(errors: list[int], within: int) -> float:
    return sum(abs(error) <= within for error in errors) / len(errors)


@pytest.mark.parametrize(
    ("name", "plain", "encoding"),
    [
        ("gpt-4", "gpt-4", CL100K),
        ("gpt-4-turbo", "gpt-4-turbo", CL100K),
        ("gpt-35-turbo", "gpt-35-turbo", CL100K),
        ("text-embedding-3-small", "text-embedding-3-small", CL100K),
        ("gpt-4o", "gpt-4o", O200K),
        ("ft:gpt-4.1-mini:acme::x", "gpt-4.1-mini", O200K),
        ("ft:gpt-3.5-turbo-0125:acme", "gpt-3.5-turbo-0125", CL100K),
        ("openai/gpt-4o", "gpt-4o", O200K),
        ("openai/ft:gpt-4:x", "gpt-4", CL100K),
        ("codex-mini-latest", "codex-mini-latest", O200K),
        ("gpt-audio", "gpt-audio", O200K),
        ("deepseek-chat", "deepseek-chat", O200K),
        ("gpt-oss-120b", "gpt-oss-120b", O200K),
    ],
)
def test_a_name_says_which_vocabulary(name: str, plain: str, encoding: str) -> None:
    found = model_of(name)
    assert (found.name, found.encoding) == (plain, encoding)


def test_what_is_not_known_exactly_says_so() -> None:
    assert counted(user("x", model="deepseek-chat")).certainty == "estimate"
    assert counted(user("x", model="gpt-oss-20b")).certainty == "estimate"
    future = counted(user("x", model="gpt-7-nova"))
    assert (future.certainty, model_of("gpt-7-nova").gpt5) == ("estimate", 99)
    assert "have not been measured" in future.notes[0]
    assert model_of("gpt-5.2").gpt5 == 2 and model_of("gpt-35-turbo").gpt5 is None
    for part in (
        {"type": "input_audio", "input_audio": {}},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
    ):
        assert counted(user([{"type": "text", "text": "x"}, part])).certainty == "at_least"


def test_what_is_no_request_counts_as_far_as_it_can_be_read() -> None:
    strange: list[dict[str, Any]] = [
        {},
        {"messages": 5, "tools": 5, "response_format": 5},
        {"model": None, "messages": [5, {"role": None, "content": 5}], "tools": [5, {"function": 5}]},
        {"messages": [{"role": "user", "content": [5, {"type": "text"}]}], "tool_choice": {"function": 5}},
        user("x", tools=[tool("f", {"a": 5, "b": {"enum": "x"}, "c": {"type": 5}})], tool_choice={"x": 1}),
        user("x", tools=[{"function": {"name": "f", "parameters": 5}}], response_format={"type": "json_schema"}),
        user("x", response_format={"type": "json_schema", "json_schema": {"name": "n", "description": "d"}}),
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{not"}}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [5, {"function": 5}], "refusal": "no"}]},
        {"messages": [{"role": "assistant", "function_call": {"name": "f"}, "content": "so"}]},
    ]
    for request in strange:
        assert counted(request).tokens >= 2


def test_names_count_one_more_unless_they_repeat_the_role() -> None:
    plain = counted(user("x")).tokens
    named = {"model": "gpt-4o", "messages": [{"role": "user", "name": "bob", "content": "x"}]}
    assert counted(named).tokens == plain + 2
    named["messages"][0]["name"] = "user"  # type: ignore[index]
    assert counted(named).tokens == plain + 1
    first = {"model": "gpt-3.5-turbo-0301", "messages": [{"role": "user", "name": "bob", "content": "x"}]}
    assert counted(first).tokens == plain + 1


def test_schemas_become_the_lines_that_the_model_reads() -> None:
    address = {"type": "object", "title": "Address", "properties": {"street": {"type": "string"}}}
    function = tool(
        "save",
        {
            "who": {"type": "string", "title": "Who", "description": "The name.\n\n  Of a person."},
            "age": {"type": ["integer", "null"], "description": "Years"},
            "size": {"type": ["integer", "null"]},
            "kind": {"enum": ["a", 1], "default": "a"},
            "sure": {"const": True},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "home": {"$ref": "#/$defs/Address"},
            "lost": {"$ref": "#/$defs/Nowhere"},
            "many": {"type": "array", "items": {"type": "number"}},
            "any": {"type": "array"},
            "free": {"type": "object"},
        },
        "Saves a person.",
        title="Person",
        description="Who it is",
        required=["who"],
        **{"$defs": {"Address": address}},
    )["function"]
    assert renderer().functions([function]) == "\n".join(
        [
            "namespace functions {",
            "",
            "// Saves a person.",
            "type save = (_: {",
            "// Person",
            "//",
            "// Who it is",
            "// Who",
            "//",
            "// The name.",
            "//",
            "// Of a person.",
            "who: string,",
            "// Years",
            "age?: ",
            "// Years",
            " | number",
            "// Years",
            " | null",
            ",",
            "size?: number | null,",
            'kind?: "a" | 1, // default: "a"',
            "sure?: true,",
            "either?: string | null,",
            "// Address",
            "home?: // Address",
            "{",
            "// Address",
            "street?: string,",
            "},",
            "lost?: any,",
            "many?: number[],",
            "any?: any[],",
            "free?: object,",
            "}) => any;",
            "",
            "} // namespace functions",
        ]
    )


def test_a_schema_that_contains_itself_comes_to_an_end() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"a": {"$ref": "#/$defs/N"}, "b": {"$ref": "#/$defs/N"}}}
    function = {"name": "f", "parameters": {**node, "$defs": {"N": node}}}
    with pytest.raises(TooLarge):
        renderer().functions([function])
    found = counted(user("x", tools=[{"function": function}]))
    assert found.certainty == "at_least" and "too large" in found.notes[0]
    circle = {
        "name": "f",
        "parameters": {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}},
    }
    assert "a?: any," in renderer().functions([circle])
    with pytest.raises(TooLarge):
        renderer().functions([{"name": "f", "description": "x" * (MAX_CHARACTERS + 1)}])
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(40):
        deep = {"type": "object", "properties": {"a": deep}}
    assert "a?: any," in renderer().functions([{"name": "f", "parameters": deep}])


def png(width: int, height: int) -> bytes:
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + size + b"\x08\x02"


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    frame = b"\xff\xff\xc0\x00\x11\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x03"
    return b"\xff\xd8\xff\x01" + before + b"\xff\xe0\x00\x04ab" + frame


def webp(kind: bytes, data: bytes) -> bytes:
    return b"RIFF\x00\x00\x00\x00WEBP" + kind + b"\x00\x00\x00\x00" + data + b"\x00" * 10


def url(data: bytes) -> str:
    return f"data:image/x;base64,{b64encode(data).decode()}"


def gif(width: int, height: int, frame: tuple[int, int, int, int], more: bytes = b"\x00\x00\x00") -> bytes:
    """`more` are the header's last bytes, a table of colours and extensions."""
    head = b"GIF89a" + b"".join(one.to_bytes(2, "little") for one in (width, height))
    return head + more + b"," + b"".join(one.to_bytes(2, "little") for one in frame) + b"\x00"


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(640, 480), (640, 480)),
        (gif(10, 20, (0, 0, 10, 20)), (10, 20)),
        (gif(1, 1, (0, 0, 2000, 1000)), (2000, 1000)),
        (gif(1, 1, (5, 6, 10, 20), b"\x80\x00\x00" + b"\x00" * 6 + b"!\xf9\x04\x00\x00\x00\x00\x00"), (15, 26)),
        (gif(10, 20, (0, 0, 0, 0))[:13], None),
        (gif(10, 20, (0, 0, 0, 0), b"\x00\x00\x00!\xfe\x09")[:16], None),
        (jpeg(300, 200), (300, 200)),
        (webp(b"VP8X", b"\x00" * 4 + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")), (640, 480)),
        (webp(b"VP8L", b"\x2f" + (99 | 49 << 14).to_bytes(4, "little")), (100, 50)),
        (webp(b"VP8 ", b"\x00" * 6 + (33).to_bytes(2, "little") + (44).to_bytes(2, "little")), (33, 44)),
        (png(0, 5), None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"GIF89a", None),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", None),
        (b"\xff\xd8\x00\x00" + b"\x00" * 20, None),
        (b"\xff\xd8" + b"\xff\xe0\x00\x04ab" * 2, None),
        (b"nothing", None),
    ],
)
def test_an_image_s_header_tells_its_size(data: bytes, size: tuple[int, int] | None) -> None:
    assert images.size_of(url(data)) == size


def test_what_is_no_inline_image_has_no_size() -> None:
    assert images.size_of("https://example.com/a.png") is None
    assert images.size_of("data:image/png,plain") is None
    assert images.size_of("data:image/png;base64,A") is None


@pytest.mark.parametrize(
    ("model", "size", "detail", "expected"),
    [
        ("gpt-4o", (640, 480), "auto", 85 + 170 * 2),
        ("gpt-4o", (3008, 2000), "high", 85 + 170 * 6),
        ("gpt-4o", (3008, 2000), "low", 85),
        ("gpt-4o", None, "low", 85),
        ("gpt-4o", None, "auto", None),
        ("gpt-4o-mini", (1, 1), "auto", 2833 + 5667),
        ("gpt-5", (640, 480), "auto", 70 + 140 * 2),
        ("gpt-4.1-mini", (640, 480), "auto", 486 + 2),
        ("gpt-4.1-mini", None, "auto", None),
        ("gpt-4.1-nano", (540, 360), "auto", 501 + 2),
        ("gpt-5-mini", (640, 480), "auto", 360 + 1),
        ("o4-mini", (640, 480), "auto", 516 + 1),
        ("gpt-5.4", (640, 480), "auto", 300 + 1),
        ("gpt-4.1-mini", (1800, 2400), "auto", int(1452 * 1.62) + 2),  # 1452 patches, by OpenAI's own example
    ],
)
def test_an_image_costs_by_tiles_or_by_patches(
    model: str, size: tuple[int, int] | None, detail: str, expected: int | None
) -> None:
    assert images.tokens_of(model_of(model), size, detail) == expected


def test_an_inline_image_is_counted_with_its_message() -> None:
    part = {"type": "image_url", "image_url": {"url": url(png(640, 480)), "detail": "high"}}
    with_image = counted({**user([{"type": "text", "text": "x"}, part]), "model": "gpt-4o"})
    assert (with_image.tokens, with_image.certainty) == (counted(user("x")).tokens + 425, "exact")


CALL = {"function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("model", "message", "request_", "expected"),
    [
        ("gpt-4o", {"content": "Hello there"}, {}, 2),
        ("gpt-4o", {"content": [{"type": "text", "text": "Hello there"}]}, {}, 2),
        ("gpt-5", {"content": "Hello there"}, {}, 2 + 9),
        ("gpt-5.2", {"content": "Hello there"}, {}, 2 + 3),
        ("o3-mini", {"content": "Hello there"}, {}, 2 + 13),
        ("gpt-4o", {"tool_calls": [CALL]}, {}, 2 + 7),
        ("gpt-4-0613", {"function_call": {"name": "f", "arguments": "{}"}}, {}, 2 + 4),
        ("gpt-4o", {"tool_calls": [CALL]}, {"tool_choice": {"function": {"name": "f"}}}, 1),
        ("gpt-5", {"tool_calls": [CALL]}, {"tool_choice": {"function": {"name": "f"}}}, 2 + 16),
        ("gpt-5.4", {"tool_calls": [CALL]}, {}, 2 + 10),
        ("o3", {"tool_calls": [CALL]}, {}, 2 + 15),
    ],
)
def test_an_answer_counts_its_marks(
    model: str, message: dict[str, Any], request_: dict[str, Any], expected: int
) -> None:
    found = completion.count(request_, [message], plenty(), model)
    assert found.tokens == expected
    assert found.certainty == ("at_least" if model_of(model).reasons else "estimate")


def test_calls_at_once_count_as_one_piece_of_json() -> None:
    four = completion.count({"model": "gpt-4o"}, [{"tool_calls": [CALL, CALL]}], plenty()).tokens
    newer = completion.count({"model": "gpt-5"}, [{"tool_calls": [CALL, CALL]}], plenty()).tokens
    assert (four > 30, newer - four) == (True, 11)


def test_the_responses_api_counts_like_the_chat_that_costs_as_much() -> None:
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    request = {
        "model": "gpt-4o",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"type": "function_call", "name": "f", "arguments": "{}"},
            {"type": "function_call", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "output": "done"},
            {"type": "function_call_output", "output": "done"},
            {"type": "reasoning", "summary": []},
            5,
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {}}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": schema},
        "previous_response_id": "resp_1",
    }
    chat, unknown = as_chat(request)
    assert [message["role"] for message in chat["messages"]] == ["developer", "user", "assistant", "tool", "tool"]
    assert len(chat["messages"][2]["tool_calls"]) == 2
    assert chat["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert chat["response_format"]["json_schema"] == schema
    assert len(unknown) == 3
    found = count_prompt(request, "responses", plenty())
    assert found.certainty == "at_least" and found.tokens > 40
    short = count_prompt({"model": "gpt-4o", "input": "Hi", "tool_choice": "auto"}, "responses", plenty())
    assert (short.tokens, short.certainty) == (counted(user("Hi", model="gpt-4o")).tokens, "estimate")


@pytest.mark.parametrize(
    ("given_", "expected"),
    [("Hello there", 2), (["Hello", "there"], 2), ([1, 2, 3], 3), ([[1, 2], [3]], 3), (None, 0)],
)
def test_older_endpoints_count_their_texts_alone(given_: Any, expected: int) -> None:
    assert count_prompt({"model": "gpt-4o", "prompt": given_}, "completions", plenty()).tokens == expected


# The vocabularies.


def test_patterns_and_hashes_are_tiktoken_s(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiktoken_ext import openai_public

    for name in (O200K, CL100K):
        asked: list[str] = []

        def note(address: str, expected_hash: str, asked: list[str] = asked) -> dict[bytes, int]:
            asked.append(expected_hash)
            return {}

        monkeypatch.setattr(openai_public, "load_tiktoken_bpe", note)
        theirs = getattr(openai_public, name)()
        digest, pattern, special = vocabulary._FILES[name]
        assert [digest] == asked
        assert pattern == theirs["pat_str"]
        assert special.items() <= theirs["special_tokens"].items()
        assert vocabulary.load(name).n_vocab == max(theirs["special_tokens"].values()) + 1


def test_special_words_in_a_text_are_text() -> None:
    assert vocabulary.count("<|endoftext|>", O200K, plenty()) > 1
    assert vocabulary.count("", O200K, plenty()) == 0
    assert vocabulary.count("half \ud83d of a character", O200K, plenty()) > 3


NAMES = st.sampled_from(
    "model messages role content type text name tool_calls function arguments tools parameters properties enum anyOf "
    "items $ref $defs default required const title description response_format json_schema schema tool_choice "
    "functions input instructions output format image_url url detail refusal".split()
)
TEXTS = st.text(st.sampled_from("ab Z1,.\n\r\t你好，。é'\u0301😀"), max_size=400)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(20, 60))
def test_counting_in_pieces_loses_nothing_where_text_has_breaks(text: str, piece: int) -> None:
    whole = {name: len(vocabulary.load(name).encode_ordinary(text)) for name in (O200K, CL100K)}
    before = vocabulary.CHUNK
    try:
        vocabulary.CHUNK = piece
        for name, expected in whole.items():
            budget = plenty()
            found = vocabulary.count(text, name, budget)
            assert found == expected or (budget.seams and abs(found - expected) <= 2 * budget.seams)
    finally:
        vocabulary.CHUNK = before


@pytest.mark.parametrize(
    "text",
    [
        " " * 4_000_000,
        "\n" * 4_000_000,
        "a" * 4_000_000,
        "".join(random.Random(1).choices(string.ascii_letters, k=4_000_000)),
        "e" + "\u0301" * 2_000_000,
        "𠮷" * 1_000_000,
        "<|endoftext|>" * 300_000,
    ],
    ids=["spaces", "lines", "letter", "letters", "accents", "rare", "special"],
)
def test_no_text_takes_for_ever_or_ends_the_process(text: str) -> None:
    budget = tokens.budget(time.monotonic)
    started = time.monotonic()
    found = prompt.count(user(text), budget)
    assert time.monotonic() - started < 10
    assert found.certainty in ("exact", "estimate", "at_least") and found.tokens > 1000


def test_a_budget_that_is_spent_makes_a_lower_bound() -> None:
    found = prompt.count(user("word " * 1000), Budget(100, 60, time.monotonic))
    assert found.certainty == "at_least" and "too long" in found.notes[0]
    assert 10 < found.tokens < 40
    clock = iter(range(0, 1000, 10))
    slow = Budget(10**9, 35, lambda: next(clock))
    found = prompt.count(user("word " * 50_000), slow)
    assert found.certainty == "at_least" and 1_000 < found.tokens < 30_000
    assert not slow.allows()
    assert vocabulary.count("more", O200K, slow) == 0


def test_loading_a_vocabulary_costs_the_first_request_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cold start on a busy machine took longer than one count may, and left all but the first message out."""
    clock, load = [0.0], vocabulary.load

    @lru_cache
    def slow(name: str) -> Any:
        clock[0] += 30
        return load(name)

    monkeypatch.setattr(vocabulary, "load", slow)
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": "one"}] * 3}
    budget = tokens.budget(lambda: clock[0])
    first = prompt.count(request, budget)
    assert (first.tokens, first.certainty) == (counted(request).tokens, "exact")
    # Another model's vocabulary, in the middle of the same budget.
    assert budget.started is not None
    prompt.count({**request, "model": "gpt-3.5-turbo"}, budget)
    assert not budget.spent


def test_a_request_of_very_many_messages_is_counted_in_one_pass() -> None:
    call = {"role": "assistant", "tool_calls": [CALL]}
    messages = [call, {"role": "tool", "content": "x"}] * 20_000
    started = time.monotonic()
    found = prompt.count({"model": "gpt-4o", "messages": messages}, plenty())
    assert found.certainty == "exact" and time.monotonic() - started < 10
    rest = prompt.count({"model": "gpt-4o", "messages": messages}, Budget(10**9, -1, time.monotonic))
    assert (rest.certainty, rest.tokens) == ("at_least", 3)


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.sampled_from(["user", "assistant", "text", "#/$defs/a", "\ud83d", "o3"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, ANY, max_size=6))
def test_no_json_makes_counting_fail(request_: dict[str, Any]) -> None:
    for protocol in ("chat", "responses", "completions"):
        assert count_prompt(request_, protocol, plenty()).tokens >= 0
    completion.count(request_, [request_], plenty())


def test_text_without_a_break_is_an_estimate() -> None:
    assert counted(user("x" * 100_000)).certainty == "estimate"


def test_a_damaged_or_missing_vocabulary_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    monkeypatch.setattr(vocabulary, "DATA", tmp_path)
    vocabulary.load.cache_clear()
    try:
        assert not tokens.installed()
        with pytest.raises(NotInstalled):
            vocabulary.load(O200K)
        (tmp_path / f"{O200K}.tiktoken.gz").write_bytes(gzip.compress(b"QQ== 0\n"))
        with pytest.raises(ConfigError, match="damaged"):
            vocabulary.load(O200K)
    finally:
        vocabulary.load.cache_clear()
