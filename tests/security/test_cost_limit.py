"""MAX_COST_USD and CONTEXT_GUARD hold against requests whose cost is unknown, hidden or large."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.support.counting import count_prompt
from tests.support.guards import BIG, CHAT, MESSAGES, OWNER, RESPONSES, called, chat, gpt4o, messages, responses, send


def test_long_requests_with_a_known_cost_go_up() -> None:
    many = chat(messages=[{"role": "user", "content": "Hi"}] * 10_000, max_tokens=20)
    compacted = responses([{"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA"}], max_output_tokens=20)
    for body, path in ((many, CHAT), (compacted, RESPONSES)):
        code, went_up = send(body, {"MAX_COST_USD": "1"}, path)
        assert code is None and went_up is not None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        # What is stored elsewhere, searched for, drawn, hurried or read once more.
        (responses([{"type": "item_reference", "id": "msg_1"}]), RESPONSES),
        (responses([{"id": "msg_1"}]), RESPONSES),
        ({"model": "gpt-4o-audio-preview", "messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}, CHAT),
        (chat(model="gpt-4.1", **{"web-search": True}), CHAT),
        (chat(model="gpt-4.1", webSearch={"enabled": True}), CHAT),
        (chat(model="gpt-4.1", venice_parameters={"enable_web_search": "on"}), CHAT),
        (chat(model="gemini-2.5-flash-image"), CHAT),
        (chat(model="anthropic/claude-opus-4.6-fast"), CHAT),
        (chat(serviceTier="priority"), CHAT),
        (chat(extra_body={"service_tier": "priority"}), CHAT),
        (chat(provider={"order": ["dear"]}), CHAT),
        (chat(provider={"sort": "throughput"}), CHAT),
        (responses(context_management=[{"type": "compaction", "compact_threshold": 1000}]), RESPONSES),
        (responses(compaction={"x": "y"}), RESPONSES),
    ],
)
def test_requests_of_unknown_cost_are_refused(body: Any, path: str) -> None:
    code, went_up = send(body, {"MAX_COST_USD": "1"}, path)
    assert code is not None and went_up is None


PICTURE = {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAgAAAAIA"}


def tool(schema: dict[str, Any]) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", **schema}}}]}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        # Tools and models that search.
        (chat(tools=[{"googleSearch": {}}]), CHAT),
        (chat(tools=[{"Type": "web_search", "name": "x"}]), CHAT),
        (chat(tools=[{"type": "function", "Type": "web_search", "function": {"name": "x"}}]), CHAT),
        (chat(tools=[{"type": "function", "function": {"name": "x"}, "google_search": {}}]), CHAT),
        (chat(tools=[{"type": ["web_search"]}]), CHAT),
        (responses(tools=[{"type": "shell", "environment": {"type": "container_auto"}}]), RESPONSES),
        (chat(web_search_options={}), CHAT),
        (chat(connectors=[{"id": "web-search"}]), CHAT),
        (chat(model="gpt-4o-search-preview", max_tokens=20), CHAT),
        # Files whose bytes say nothing of their tokens.
        (gpt4o([{"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}]), CHAT),
        (gpt4o([{"type": "file", "file": {"file_data": "AAAA"}}]), CHAT),
        (gpt4o([{"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}]), CHAT),
        (gpt4o([{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "flac"}}]), CHAT),
        (gpt4o([{"type": "input_audio", "input_audio": {"data": "AAAA"}}]), CHAT),
        (gpt4o([{"type": "video_url", "video_url": {"url": "ms://abc"}}]), CHAT),
        ({"model": "gpt-4o", "max_tokens": 20, "messages": [{"role": "system", "content": " fileid://f"}]}, CHAT),
        # A text that calls itself an image.
        (
            responses(
                [{"type": "apply_patch_call", "operation": {"diff": "data:image/png;base64," + BIG * 2}}],
                max_output_tokens=20,
            ),
            RESPONSES,
        ),
        # Further models.
        (chat(context_window_fallbacks=[{"gpt-4o-mini": ["o1-pro"]}], max_tokens=20), CHAT),
        (chat(fallback_models=["o1-pro"], max_tokens=20), CHAT),
        (chat(providerOptions={"gateway": {"models": ["o1-pro"]}}, max_tokens=20), CHAT),
        (chat(modalities=["image", "text"], max_tokens=20), CHAT),
        # What the count would pass over.
        (gpt4o([{"type": "image_url", "text": "x", "image_url": PICTURE}] * 10), CHAT),
        (gpt4o([{"type": "text", "text": "x", "refusal": BIG}]), CHAT),
        (gpt4o([{"type": "text", "text": {"value": BIG}}]), CHAT),
        (gpt4o(messages=[{"role": "assistant", "content": "x", "annotations": [{"x": BIG}]}]), CHAT),
        (gpt4o(messages=[{"role": "assistant", "function_call": {"name": "f", "arguments": "{}", "x": BIG}}]), CHAT),
        (gpt4o(messages=[{"role": "assistant", "function_call": {"name": "f", "arguments": [BIG]}}]), CHAT),
        (called({"refusal": BIG}), CHAT),
        (called({"role": "user"}, arguments=BIG), CHAT),
        (called({}, extra=BIG), CHAT),
        (called({}, arguments=json.dumps({"a": BIG})[:-1] + ',"a":"x"}'), CHAT),
        (gpt4o(**tool({"properties": {"a": {"type": "string", "examples": [BIG]}}})), CHAT),
        (gpt4o(**tool({"properties": {"a": {"type": "string", "pattern": BIG}}})), CHAT),
        (gpt4o(**tool({"properties": {"a": {"type": "object", "additionalProperties": {"description": BIG}}}})), CHAT),
        (gpt4o(tools=[{"type": "function", "function": {"name": "f", "description": [BIG]}}]), CHAT),
        (
            gpt4o(
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"type": "object", "default": BIG}},
                }
            ),
            CHAT,
        ),
        (chat(model="gpt-5", tool_choice={"type": "function", "function": {"name": BIG}}, **tool({})), CHAT),
        (gpt4o(response_format={"type": "json_object", "schema": {"description": BIG}}), CHAT),
        (
            gpt4o(
                **tool(
                    {
                        "anyOf": [{"description": "d " * 300}],
                        "properties": {f"p{n}": {"$ref": "#/any%4Ff/0"} for n in range(200)},
                    }
                )
            ),
            CHAT,
        ),
    ],
)
def test_no_request_exceeds_the_cost_limit(body: Any, path: str) -> None:
    assert send(body, {"MAX_COST_USD": "0.01"}, path) == ("cost_limit_exceeded", None)


def test_an_hour_in_the_cache_costs_more_and_a_file_fills_the_context_window() -> None:
    text = {"type": "text", "text": "w " * 2000}
    settings = {"OPENAI_BASE_URL": "https://api.anthropic.com/v1", "MAX_COST_USD": "0.02"}
    kept = [{**text, "cache_control": {"type": "ephemeral", "ttl": ttl}} for ttl in ("5m", "1h")]
    assert send(messages(kept[0]), settings, MESSAGES)[0] is None
    assert send(messages(kept[1]), settings, MESSAGES)[0] == "cost_limit_exceeded"
    # A file is as large as the model's context window, where one is known.
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}
    assert send(messages(pdf), settings, MESSAGES) == ("cost_limit_exceeded", None)
    assert send(messages(pdf), {**settings, "MAX_COST_USD": "5"}, MESSAGES)[0] is None
    plain = {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "AAAA"}}
    assert send(messages(plain), settings, MESSAGES)[0] is None


def test_a_cost_limit_closes_storage_that_costs_money() -> None:
    opened = {**OWNER, "ALLOW_ANONYMOUS": "1", "ALLOW_PATHS": "*"}
    for path, code in (("containers", "path_not_allowed"), ("files", None), ("conversations", None)):
        assert send({"name": "x"}, {**opened, "MAX_COST_USD": "1"}, f"/v1/{path}")[0] == code
    assert send({"name": "x"}, {**opened, "MAX_OUTPUT_TOKENS": "16"}, "/v1/containers")[0] is None


def test_audio_and_files_do_not_make_a_prompt_too_long() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "//PA" * 80_000, "format": "mp3"}}
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64," + "AAAA" * 80_000}}
    for part in (sound, file):
        assert send(gpt4o([part]), {"CONTEXT_GUARD": "reject"})[0] is None
    assert send(gpt4o([file]), {"MAX_COST_USD": "100"})[0] is None
    assert send(gpt4o([sound, {"type": "text", "text": BIG * 4}]), {"CONTEXT_GUARD": "reject"})[1] is None


def test_long_arguments_are_counted_without_parsing() -> None:
    text = "[" + ",".join(["[]"] * 20_000) + "]"
    status, went_up = send(called({}, arguments=text), {"MAX_COST_USD": "1"})
    assert status is None and went_up is not None


def test_duplicate_members_of_arguments_are_counted_twice() -> None:
    from proxy import tokens

    once, twice = (called({}, arguments=text) for text in ('{"a":"one two three"}', '{"a":"one two three","a":"x"}'))
    counts = [count_prompt(one, "chat", tokens.budget(time.monotonic)).tokens for one in (once, twice)]
    assert counts[0] < counts[1]


def test_image_bytes_are_not_text_and_a_file_needs_a_known_context_window(tmp_path: Any) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 2_000_000}
    settings = {"OPENAI_BASE_URL": "https://api.anthropic.com/v1", "MAX_COST_USD": "0.5"}
    assert send(messages({"type": "image", "source": source}), settings, MESSAGES)[0] is None
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"models": [{"match": ["own-search"], "input": 1, "output": 1}]}))
    owned = {"PRICES_FILE": str(prices), "MAX_COST_USD": "1"}
    assert send(chat(model="own-search", max_tokens=20), owned)[0] is None  # the owner says what it costs
    file = {"type": "file", "file": {"file_data": "AAAA"}}
    assert send(chat([file], model="own-search", max_tokens=20), owned) == ("cost_limit_exceeded", None)
