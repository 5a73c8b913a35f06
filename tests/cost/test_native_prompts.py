"""Counting prompts and answers of Anthropic's API, and its context guard."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.protocols.messages_prompt import as_chat
from tests.support.core import JSON_HEAD, Listed, error_of, request, run

TOOL = {"name": "f", "description": "Does f.", "input_schema": {"type": "object", "properties": {"a": {}}}}


def test_a_request_becomes_a_chat_with_the_same_texts() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": "é"}}
    request_ = {
        "model": "claude-x",
        "system": [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "And brief."}],
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "So"}, call]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "7"}]},
            {"role": "user", "content": []},
            3,
        ],
        "tools": [TOOL],
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    }
    chat, estimates, missing = as_chat(request_)
    assert [message["role"] for message in chat["messages"]] == ["system", "user", "assistant", "tool"]
    assert chat["messages"][0]["content"][1] == {"type": "text", "text": "And brief."}
    assert chat["messages"][2]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":"é"}'}
    assert chat["messages"][3] == {"role": "tool", "tool_call_id": "t1", "content": [{"type": "text", "text": "7"}]}
    assert chat["tools"][0]["function"]["parameters"] == TOOL["input_schema"]
    assert chat["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert estimates and not missing


def test_what_cannot_be_counted_is_said() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    linked = {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
    stored = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
    content: list[Any] = [image, linked, stored, {"type": "document"}, {"type": "new_block"}, "text"]
    request_ = {
        "messages": [{"role": "user", "content": content}, {"role": "user", "content": {"type": "text"}}],
        "system": 3,
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        "mcp_servers": [{}],
        "output_config": {"effort": "low"},
    }
    chat, _, missing = as_chat(request_)
    urls = [part["image_url"]["url"] for part in chat["messages"][0]["content"]]
    assert urls == ["data:image/png;base64,AAAA", "https://x.example/a.png"]
    assert len(missing) == 6 and "response_format" not in chat and "tools" not in chat


def test_a_prompt_that_is_too_long_does_not_go_up() -> None:
    settings = {"ANTHROPIC_API_KEY": "a", "ALLOW_ANONYMOUS": "1", "CONTEXT_GUARD": "reject", "ASSEMBLE": "off"}
    for words, status in ((100, 200), (400_000, 400)):
        content = "word " * words
        body = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": content}]}
        reply, _ = run(
            Listed(b"{}", headers=JSON_HEAD), request("/v1/messages", json.dumps(body).encode()), settings=settings
        )
        assert reply.status == status
    error = error_of(reply)
    assert error["message"].startswith("prompt is too long: ") and error["type"] == "invalid_request_error"


def test_an_answer_without_usage_is_counted() -> None:
    lines: list[str] = []
    start = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"m","content":[]}}\n\n'
    text = (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
        b'"text":"Hello world"}}\n\n'
    )
    stop = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    body = b'{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}'
    settings = {"METERING": "on", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    run(Listed(start, text, stop), request("/v1/messages", body), lines, settings=settings)
    line = json.loads(lines[-1])
    assert line["gen_ai.usage.output_tokens"] > 0 and line["usage_source"] in ("estimate", "at_least")
    chunk = b'data: {"candidates":[{"content":{"parts":[{"text":"Hello world"}]},"finishReason":"STOP"}]}\n\n'
    call = request("/v1beta/models/g:streamGenerateContent", b'{"contents":[{"parts":[{"text":"Hi"}]}]}')
    call.query = "alt=sse"
    run(Listed(chunk), call, lines, settings=settings)
    line = json.loads(lines[-1])
    assert line["gen_ai.usage.output_tokens"] > 0 and line["gen_ai.usage.input_tokens"] > 0


def test_cached_input_is_priced_apart() -> None:
    lines: list[str] = []
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 1_000,
        "cache_creation_input_tokens": 200,
        "cache_creation": {"ephemeral_1h_input_tokens": 50, "ephemeral_5m_input_tokens": 150},
        "output_tokens": 7,
    }
    answer = {"type": "message", "model": "claude-sonnet-4-5", "content": [], "usage": usage}
    settings = {"METERING": "on", "ANTHROPIC_API_KEY": "a", "ALLOW_ANONYMOUS": "1", "ASSEMBLE": "off"}
    upstream = Listed(json.dumps(answer).encode(), headers=JSON_HEAD)
    run(upstream, request("/v1/messages", b'{"model":"claude-sonnet-4-5","messages":[]}'), lines, settings=settings)
    line = json.loads(lines[-1])
    assert (line["gen_ai.usage.input_tokens"], line["gen_ai.usage.cache_read.input_tokens"]) == (1_210, 1_000)
    assert line["cost_usd"] == pytest.approx((10 * 3 + 1_000 * 0.3 + 150 * 3.75 + 50 * 6 + 7 * 15) / 1e6)
