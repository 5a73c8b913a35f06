"""Relatives of the inputs that broke something once: each promise is held for what nobody has tried yet."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from proxy import minted
from proxy.auth import Grant
from tests.support.core import KEY, Listed, error_of, request, run

JSON = (("content-type", "application/json"),)
CHAT, COMPLETIONS, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"
OWNER = {"OPENAI_API_KEY": "sk-owner-0123456789abcdef"}
HELD = {**OWNER, "PROXY_KEY": "pk-0123456789abcdef0123"}
SIGNED = {**OWNER, "SIGNING_SECRET": "s" * 40}
PROXY_KEY = (("authorization", "Bearer pk-0123456789abcdef0123"),)
FILE = "file-abcdefghijklmnop"


def send(
    body: Any,
    settings: dict[str, str],
    path: str = CHAT,
    headers: tuple[tuple[str, str], ...] = KEY,
    method: str = "POST",
) -> tuple[str | None, bytes | None]:
    """The code of the error, and what went up; each None where there is none."""
    upstream = Listed(b"{}", headers=JSON)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply, _ = run(upstream, request(path, data, headers=headers, method=method), settings=settings)
    code = error_of(reply)["code"] if reply.status >= 400 else None
    return code, upstream.sent[0].body if upstream.sent else None


def chat(content: Any = "Hi", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": content}], **more}


def responses(given: Any = "Hi", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "input": given, **more}


def messages(*content: Any, **more: Any) -> dict[str, Any]:
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 20,
        "messages": [{"role": "user", "content": content or "Hi"}],
        **more,
    }


@pytest.mark.parametrize(
    ("body", "path"),
    [
        # The request itself is no call of a tool, whose input would be data.
        (
            responses([{"role": "user", "content": [{"type": "input_file", "file_id": FILE}]}], type="tool_use"),
            RESPONSES,
        ),
        (responses(name="x", parameters={"file_id": FILE}), RESPONSES),
        ({"model": "gpt-4o-audio-preview", "messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}, CHAT),
        (chat(modalities=["text", "audio"], audio={"voice": {"id": "voice_1"}, "format": "wav"}), CHAT),
        ({"model": "gpt-4o-mini-tts", "input": "Hi", "voice": {"id": "voice_1"}}, "/v1/audio/speech"),
        # Items with nothing but an id are looked up.
        (responses([{"type": "image_generation_call", "id": "ig_1"}]), RESPONSES),
        (responses([{"type": "image_generation_call", "id": "ig_1", "result": None}]), RESPONSES),
        (responses([{"type": "computer_call", "id": "cu_1", "pending_safety_checks": []}]), RESPONSES),
        (responses([{"type": "message", "role": "assistant", "id": "msg_1"}]), RESPONSES),
        (responses([{"TYPE": "item_reference", "id": "msg_1"}]), RESPONSES),
        (responses(tools=[{"type": "shell", "environment": {"type": "container_reference"}}]), RESPONSES),
        (messages(container={}), MESSAGES),
        (responses(conversation={}), RESPONSES),
        # Other spellings and other providers.
        (responses(tools=[{"type": "FILE_SEARCH", "vectorStoreIds": ["vs_1"]}]), RESPONSES),
        (chat(data_sources=[{"type": "azure_search", "parameters": {"index_name": "owners"}}]), CHAT),
        ({"model": "qwen-long", "messages": [{"role": "system", "content": "fileid://file-fe-1"}]}, CHAT),
        (chat([{"type": "video_url", "video_url": {"url": "ms://abc"}}]), CHAT),
        (chat([{"type": "image_url", "image_url": {"url": " gs://bucket/secret.png"}}]), CHAT),
        (chat(preset="owners"), CHAT),
        (chat(model="openai/gpt-4o@preset/owners"), CHAT),
        (chat(agent_id="ag:1"), CHAT),
    ],
)
def test_nothing_leads_into_the_account_behind_a_held_key(body: Any, path: str) -> None:
    assert send(body, HELD, path, PROXY_KEY) == ("reference_not_allowed", None)
    code, went_up = send(body, {**HELD, "ALLOW_REFERENCES": "*"}, path, PROXY_KEY)
    assert code is None and went_up is not None
    code, went_up = send(body, {}, path)
    assert code is None and went_up == json.dumps(body).encode()


def test_a_form_refers_by_none_of_its_names() -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="images[0][file_id]"\r\n\r\nfile-1\r\n'
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-image-1\r\n--b--\r\n'
    )
    headers = (*PROXY_KEY, ("content-type", "multipart/form-data; boundary=b"))
    assert send(form, HELD, "/v1/images/edits", headers) == ("reference_not_allowed", None)


SCHEMA = {"type": "object", "properties": {"container": {"type": "string"}, "file_id": {"type": "string"}}}
TOOL_USE = {"type": "tool_use", "id": "toolu_01abcdefghijkl", "name": "container", "input": {"file_id": FILE}}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (
            messages(TOOL_USE | {"caller": {"type": "code_execution_20250825", "tool_id": "srvtoolu_01abcdefgh"}}),
            MESSAGES,
        ),
        (messages(TOOL_USE | {"type": "server_tool_use"}, TOOL_USE | {"type": "mcp_tool_use"}), MESSAGES),
        (messages(tools=[{"name": "container", "input_schema": SCHEMA}], metadata={"user_id": "user_1"}), MESSAGES),
        (chat(tools=[{"type": "function", "function": {"name": "container", "parameters": SCHEMA}}]), CHAT),
        (chat(guided_json=SCHEMA, parent_tool_use_id="toolu_01abcdefghijkl"), CHAT),
        (chat([{"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}]), CHAT),
        (chat("How does fileid://file-1 work?"), CHAT),
        (
            responses(
                [
                    {"type": "reasoning", "id": "rs_1234567890abcd", "summary": []},
                    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
                    {"type": "message", "role": "assistant", "id": "msg_1", "content": []},
                    {"type": "image_generation_call", "id": "ig_1", "result": "aGVsbG8="},
                    {"type": "web_search_call", "id": "ws_1", "action": {"type": "open_page", "url": "file:///x"}},
                ],
                metadata={"file_id": FILE},
            ),
            RESPONSES,
        ),
    ],
)
def test_honest_requests_with_a_held_key_go_up(body: Any, path: str) -> None:
    code, went_up = send(body, HELD, path, PROXY_KEY)
    assert code is None and went_up is not None


@pytest.mark.parametrize(
    "more",
    [
        {"context_window_fallbacks": [{"gpt-4o-mini": ["o1-pro"]}]},
        {"content_policy_fallbacks": [{"gpt-4o-mini": ["o1-pro"]}]},
        {"context_window_fallback_dict": {"gpt-4o-mini": "o1-pro"}},
        {"preset": "dear"},
        {"name": "x", "parameters": {"models": ["o1-pro"]}},
        {"type": "tool_use", "input": {"models": ["o1-pro"]}},
        {"tools": [{"Type": "image_generation"}]},
    ],
)
def test_a_key_for_one_model_reaches_no_other_one(more: dict[str, Any]) -> None:
    settings = {**SIGNED, "ALLOW_REFERENCES": "*"}
    grant = Grant(models=("gpt-4o-mini",))
    key = minted.mint(minted.Key("n", "id", int(time.time()) + 999, grant), ("s" * 40,))
    headers = (("authorization", f"Bearer {key}"),)
    assert send(chat(**more), settings, CHAT, headers) == ("model_not_allowed", None)
    code, went_up = send(chat(provider={"allow_fallbacks": False}), settings, CHAT, headers)
    assert code is None and went_up is not None
