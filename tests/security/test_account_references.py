"""References to the owner's account, in every spelling and place that was not tried before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.core import KEY
from tests.support.guards import CHAT, FORM, HELD, MESSAGES, PROXY_KEY, RESPONSES, chat, form, messages, responses, send

FILE = "file-abcdefghijklmnop"


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
        # Stores, voices and credentials by the names of other providers.
        (chat(tools=[{"type": "retrieval", "retrieval": {"knowledge_id": "1654234567890123776"}}]), CHAT),
        (chat(library_ids=["0195ec1e-0000-7000-8000-000000000000"]), CHAT),
        (chat(litellm_credential_name="owners"), CHAT),
        (chat(models=["@preset/owners"]), CHAT),
        ({"model": "tts", "input": "Hi", "voice": "speech:owners:cm02abc:xyz"}, "/v1/audio/speech"),
        ({"model": "tts", "input": "Hi", "voice": "voice_abcdefghijklmn"}, "/v1/audio/speech"),
        ({"model": "m", "input": "gs://owner/secret.png"}, "/v1/embeddings"),
        ({"model": "m", "input": ["Hi", "files/abc123"]}, "/v1/embeddings"),
        ({"model": "m", "prompt": "Hi", "image_urls": ["gs://bucket/x"]}, "/v1/images/edits"),
        ({"model": "m", "prompt": "Hi", "mask": "g\ts://bucket/x"}, "/v1/images/edits"),
        (
            chat([{"type": "image_url", "image_url": {"url": "https://x@generativelanguage.googleapis.com:443/a"}}]),
            CHAT,
        ),
        # One more member says nothing, and nor does another case.
        (responses([{"type": "image_generation_call", "id": "ig_1", "quality": "high", "action": "edit"}]), RESPONSES),
        (responses([{"id": "msg_1", "x": 1}]), RESPONSES),
        (responses([{"ID": "msg_1"}]), RESPONSES),
        (responses(tools=[{"type": "code_interpreter", "container": {"type": "auto", "id": "cntr_1"}}]), RESPONSES),
        (chat(model="openai/gpt-4o@preset/owners"), CHAT),
        (chat(agent_id="ag:1"), CHAT),
    ],
)
def test_references_to_the_owner_s_account_are_refused(body: Any, path: str) -> None:
    assert send(body, HELD, path, PROXY_KEY) == ("reference_not_allowed", None)
    code, went_up = send(body, {**HELD, "ALLOW_REFERENCES": "*"}, path, PROXY_KEY)
    assert code is None and went_up is not None
    code, went_up = send(body, {}, path)
    assert code is None and went_up == json.dumps(body).encode()


@pytest.mark.parametrize(
    "fields",
    [
        {"images[0][file_id]": "file-1"},
        {"images": '[{"file_id": "file-1"}]'},
        {"image[url]": "gs://bucket/x"},
        {"image_url": " gs://bucket/x"},
        {"model": "x@preset/owners"},
    ],
)
def test_references_in_a_form_are_refused(fields: dict[str, str]) -> None:
    data = form(**{"model": "gpt-image-1", "prompt": "[Hi]", "size": "1024x1024", **fields})
    headers = (*PROXY_KEY, FORM)
    assert send(data, HELD, "/v1/images/edits", headers) == ("reference_not_allowed", None)
    assert send(data, {**HELD, "ALLOW_REFERENCES": "*"}, "/v1/images/edits", headers) == (None, data)


def test_json_in_a_form_field_is_read_strictly_and_prompts_are_not_json() -> None:
    headers = (*PROXY_KEY, FORM)
    honest = form(model="whisper-1", chunking_strategy='{"type": "server_vad"}', prompt="{hello", negative_prompt="[x]")
    assert send(honest, HELD, "/v1/audio/transcriptions", headers) == (None, honest)
    twice = form(model="whisper-1", x='{"a": 1, "a": {"file_id": "file-1"}}')
    assert send(twice, HELD, "/v1/audio/transcriptions", headers) == ("duplicate_key", None)


def test_references_in_a_query_are_refused() -> None:
    for query in ("previous_response_id=resp_1", "a=1;file%5Fid=file-1"):
        assert send(responses(), HELD, f"{RESPONSES}?{query}", PROXY_KEY) == ("reference_not_allowed", None)


def test_moderation_refuses_a_text_file_in_another_charset() -> None:
    data = b'--b\r\nContent-Disposition: form-data; name="x"; filename="a.txt"\r\nContent-Type: text/plain; charset=gbk'
    data += b"\r\n\r\nHi\r\n--b--\r\n"
    settings = {"MODERATION": "words", "MODERATION_WORDS": "forbidden", "MODERATION_INPUT": "1"}
    assert send(data, settings, "/v1/audio/transcriptions", (*KEY, FORM)) == ("unreadable_body", None)


@pytest.mark.parametrize(
    ("kind", "disposition", "head"),
    [
        ("boundary=b", 'form-data; a="\\"; name=x; z="; name=model; w="', ""),
        ("boundary=b", 'form-data; name=x; filename="a\\"', ""),
        ("boundary=b; charset=utf-7", 'form-data; name="+AG0-odel"', ""),
        ("boundary=b; boundary*0=c", 'form-data; name="x"', ""),
        ("boundary=b", 'form-data; name="x"', "Content-Type: text/plain; charset=utf-7\r\n"),
        ("boundary=b", 'form-data; name="_charset_"', ""),
    ],
)
def test_an_ambiguous_form_is_refused(kind: str, disposition: str, head: str) -> None:
    data = f"--b\r\nContent-Disposition: {disposition}\r\n{head}\r\ndear\r\n--b--\r\n".encode()
    headers = (*PROXY_KEY, ("content-type", f"multipart/form-data; {kind}"))
    assert send(data, HELD, "/v1/audio/transcriptions", headers) == ("unreadable_body", None)


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
            responses(tools=[{"type": "code_interpreter", "container": {"type": "auto", "memory_limit": "4g"}}]),
            RESPONSES,
        ),
        ({"model": "tts", "input": "Hi", "voice": "FunAudioLLM/CosyVoice2-0.5B:alex"}, "/v1/audio/speech"),
        ({"model": "m", "input": ["See gs://bucket/x for files/abc"]}, "/v1/embeddings"),
        (
            responses(
                [
                    {"type": "reasoning", "id": "rs_1234567890abcd", "summary": []},
                    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
                    {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "now", "arguments": ""},
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
def test_requests_without_references_go_up(body: Any, path: str) -> None:
    code, went_up = send(body, HELD, path, PROXY_KEY)
    assert code is None and went_up is not None


def test_a_form_s_model_name_has_a_maximum_length() -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + b"x" * 1_000 + b"\r\n--b--\r\n"
    headers = (*PROXY_KEY, ("content-type", "multipart/form-data; boundary=b"))
    assert send(form, HELD, "/v1/audio/transcriptions", headers) == ("bad_request", None)
