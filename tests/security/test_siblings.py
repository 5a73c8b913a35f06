"""Relatives of the inputs that broke something once: each promise is held for what nobody has tried yet."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from proxy.access import signed_keys
from proxy.call import Grant
from proxy.cost import schema_size, upper_bound
from proxy.errors import TooComplex
from proxy.tokens.schema import Renderer, TooLarge
from proxy.tokens.vocabulary import Budget
from proxy.wire import safe_json, work
from tests.support.core import KEY, Listed, error_of, request, run
from tests.support.counting import count_prompt

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
    asked = request(path.partition("?")[0], data, headers=headers, method=method)
    asked.query = path.partition("?")[2]
    reply, _ = run(upstream, asked, settings=settings)
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
def test_nothing_leads_into_the_account_behind_a_held_key(body: Any, path: str) -> None:
    assert send(body, HELD, path, PROXY_KEY) == ("reference_not_allowed", None)
    code, went_up = send(body, {**HELD, "ALLOW_REFERENCES": "*"}, path, PROXY_KEY)
    assert code is None and went_up is not None
    code, went_up = send(body, {}, path)
    assert code is None and went_up == json.dumps(body).encode()


FORM = ("content-type", "multipart/form-data; boundary=b")


def form(**fields: str) -> bytes:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()]
    return ("".join(parts) + "--b--\r\n").encode()


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
def test_a_form_refers_by_none_of_its_fields(fields: dict[str, str]) -> None:
    data = form(**{"model": "gpt-image-1", "prompt": "[Hi]", "size": "1024x1024", **fields})
    headers = (*PROXY_KEY, FORM)
    assert send(data, HELD, "/v1/images/edits", headers) == ("reference_not_allowed", None)
    assert send(data, {**HELD, "ALLOW_REFERENCES": "*"}, "/v1/images/edits", headers) == (None, data)


def test_a_file_in_another_charset_is_no_text_that_can_be_checked() -> None:
    data = b'--b\r\nContent-Disposition: form-data; name="x"; filename="a.txt"\r\nContent-Type: text/plain; charset=gbk'
    data += b"\r\n\r\nHi\r\n--b--\r\n"
    settings = {"MODERATION": "words", "MODERATION_WORDS": "forbidden", "MODERATION_INPUT": "1"}
    assert send(data, settings, "/v1/audio/transcriptions", (*KEY, FORM)) == ("unreadable_body", None)


def test_what_costs_as_much_as_is_known_goes_up_however_long_it_is() -> None:
    many = chat(messages=[{"role": "user", "content": "Hi"}] * 10_000, max_tokens=20)
    compacted = responses([{"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA"}], max_output_tokens=20)
    for body, path in ((many, CHAT), (compacted, RESPONSES)):
        code, went_up = send(body, {"MAX_COST_USD": "1"}, path)
        assert code is None and went_up is not None


def test_what_begins_like_json_in_a_form_is_json_or_a_prompt() -> None:
    headers = (*PROXY_KEY, FORM)
    honest = form(model="whisper-1", chunking_strategy='{"type": "server_vad"}', prompt="{hello", negative_prompt="[x]")
    assert send(honest, HELD, "/v1/audio/transcriptions", headers) == (None, honest)
    twice = form(model="whisper-1", x='{"a": 1, "a": {"file_id": "file-1"}}')
    assert send(twice, HELD, "/v1/audio/transcriptions", headers) == ("duplicate_key", None)


def test_a_query_refers_to_nothing_either() -> None:
    for query in ("previous_response_id=resp_1", "a=1;file%5Fid=file-1"):
        assert send(responses(), HELD, f"{RESPONSES}?{query}", PROXY_KEY) == ("reference_not_allowed", None)


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
def test_a_form_that_some_read_otherwise_is_refused(kind: str, disposition: str, head: str) -> None:
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
    key = signed_keys.mint(signed_keys.Key("n", "id", int(time.time()) + 999, grant), ("s" * 40,))
    headers = (("authorization", f"Bearer {key}"),)
    assert send(chat(**more), settings, CHAT, headers) == ("model_not_allowed", None)
    code, went_up = send(chat(provider={"allow_fallbacks": False}), settings, CHAT, headers)
    assert code is None and went_up is not None


@pytest.mark.parametrize("name", ["gpt-4o-mini,o1-pro", "gpt-4o-mini\no1-pro"])
def test_a_list_of_models_is_no_model(name: str) -> None:
    key = signed_keys.mint(signed_keys.Key("n", "id", int(time.time()) + 999, Grant(models=("gpt-4o*",))), ("s" * 40,))
    headers = (("authorization", f"Bearer {key}"),)
    assert send(chat(model=name), SIGNED, CHAT, headers) == ("bad_request", None)
    assert send(chat(model="gpt-4o", models=[name]), SIGNED, CHAT, headers) == ("model_not_allowed", None)
    many = chat(model="gpt-4o", models=[f"gpt-4o-{number}" for number in range(200)])
    assert send(many, SIGNED, CHAT, headers)[1] is None
    assert send(chat(model="gpt-4o", models=["gpt-4o"] * 200), SIGNED, CHAT, headers)[0] is None
    form_headers = (*headers, FORM)
    assert send(form(model=name), SIGNED, "/v1/audio/transcriptions", form_headers)[0] in (
        "bad_request",
        "model_not_allowed",
    )
    named = form(model="gpt-4o", fallback_model="o1-pro")
    assert send(named, SIGNED, "/v1/audio/transcriptions", form_headers) == ("model_not_allowed", None)
    assert send(chat(), SIGNED, f"{CHAT}?a=1;model=dear", headers) == ("model_not_allowed", None)


@pytest.mark.parametrize(
    "more",
    [
        {"n_predict": -1},
        {"num_predict": "-1"},
        {"options": {"num_predict": -1}},
        {"max_length": "inf"},
        {"max_length": "0x1000"},
        {"additional_drop_params": ["max_tokens"]},
        {"drop_params": True},
        {"messages": [{"role": "user", "content": "Hi", "num_return_sequences": 5}]},
        {"extra_body": {"enable_thinking": True}},
    ],
)
def test_a_limit_is_not_taken_away_again(more: dict[str, Any]) -> None:
    assert send(chat(**more), {"MAX_OUTPUT_TOKENS": "20"}) == ("cost_limit_exceeded", None)


def test_thinking_that_is_on_by_itself_counts_at_alibaba_s_address() -> None:
    settings = {"MAX_OUTPUT_TOKENS": "20", "OPENAI_BASE_URL": "https://dashscope.aliyuncs.com/compatible-mode/v1"}
    for model, more, code in (
        ("qwq-plus", {}, "cost_limit_exceeded"),
        ("qwen3.5-plus", {}, "cost_limit_exceeded"),
        ("qwen3.5-plus", {"enable_thinking": False}, None),
        ("qwen3-vl-thinking", {"enable_thinking": False}, "cost_limit_exceeded"),
        ("qwen3-coder-plus", {}, None),
        ("qwen-plus", {}, None),
    ):
        assert send(chat(model=model, **more), settings)[0] == code, model
    assert send(chat(model="qwq-plus"), {"MAX_OUTPUT_TOKENS": "20"})[0] is None


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
def test_a_cost_that_nobody_knows_is_refused_by_name(body: Any, path: str) -> None:
    code, went_up = send(body, {"MAX_COST_USD": "1"}, path)
    assert code is not None and went_up is None


BIG = "word " * 40_000  # 40,000 tokens: $0.10 of gpt-4o
PICTURE = {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAgAAAAIA"}


def gpt4o(content: Any = "Hi", **more: Any) -> dict[str, Any]:
    return chat(content, **{"model": "gpt-4o", "max_tokens": 20, **more})


def called(message: dict[str, Any], **function: Any) -> dict[str, Any]:
    """A history with a call of a function."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}", **function}}
    return gpt4o(messages=[{"role": "assistant", "tool_calls": [call], **message}])


def tool(schema: dict[str, Any]) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", **schema}}}]}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        # Limits of other paths and dialects.
        (chat(max_output_tokens=99_999), CHAT),
        (chat(max_tokens_to_sample=99_999), CHAT),
        (chat(generation_config={"maxOutputTokens": 99_999}), CHAT),
        ({"model": "gpt-3.5-turbo-instruct", "prompt": "Hi", "max_completion_tokens": 99_999}, COMPLETIONS),
        (responses(max_tokens=99_999), RESPONSES),
        # Thinking beside the answer.
        (chat(model="qwen-plus", thinking_budget=99_999), CHAT),
        (chat(model="qwen-plus", thinking_budget=99_999.0), CHAT),
        (chat(model="qwen-plus", enable_thinking=True), CHAT),
        (chat(best_of_some="+5"), CHAT),
    ],
)
def test_a_limit_on_tokens_is_passed_by_no_other_field(body: Any, path: str) -> None:
    code, went_up = send(body, {"MAX_OUTPUT_TOKENS": "100"}, path)
    assert code is not None and went_up is None


def test_thinking_is_part_of_what_a_limit_allows() -> None:
    _, went_up = send(chat(model="qwen-plus", thinking_budget=60), {"MAX_OUTPUT_TOKENS": "100"})
    assert went_up is not None and json.loads(went_up)["max_tokens"] == 40
    _, went_up = send(chat(x="1.0", y="1,5.0", n=1), {"MAX_OUTPUT_TOKENS": "100"})
    assert went_up is None
    _, went_up = send(chat(x="1.0", version="1.2.3", n=1, enable_thinking=False), {"MAX_OUTPUT_TOKENS": "100"})
    assert went_up is not None


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE", "PATCH"])
def test_another_method_passes_no_limit(method: str) -> None:
    for settings in ({"MAX_OUTPUT_TOKENS": "100"}, {"MAX_COST_USD": "1"}):
        assert send(chat(max_tokens=99_999), settings, method=method) == ("method_not_allowed", None)


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
def test_a_limit_on_cost_is_passed_by_nothing(body: Any, path: str) -> None:
    assert send(body, {"MAX_COST_USD": "0.01"}, path) == ("cost_limit_exceeded", None)


def test_what_is_kept_for_an_hour_is_dearer() -> None:
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


def test_stores_that_cost_something_are_closed_under_a_limit_on_cost() -> None:
    opened = {**OWNER, "ALLOW_ANONYMOUS": "1", "ALLOW_PATHS": "*"}
    for path, code in (("containers", "path_not_allowed"), ("files", None), ("conversations", None)):
        assert send({"name": "x"}, {**opened, "MAX_COST_USD": "1"}, f"/v1/{path}")[0] == code
    assert send({"name": "x"}, {**opened, "MAX_OUTPUT_TOKENS": "16"}, "/v1/containers")[0] is None


def test_a_sound_or_a_file_in_a_prompt_is_no_reason_to_call_it_too_long() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "//PA" * 80_000, "format": "mp3"}}
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64," + "AAAA" * 80_000}}
    for part in (sound, file):
        assert send(gpt4o([part]), {"CONTEXT_GUARD": "reject"})[0] is None
    assert send(gpt4o([file]), {"MAX_COST_USD": "100"})[0] is None
    assert send(gpt4o([sound, {"type": "text", "text": BIG * 4}]), {"CONTEXT_GUARD": "reject"})[1] is None


def spent(slices: Any) -> tuple[int, int]:
    """The units of work of all slices, and of the largest."""
    units = [0, *slices]
    return sum(units), max(units)


def test_schemas_in_schemas_are_measured_once_and_in_slices() -> None:
    inner: dict[str, Any] = {"type": "object", "x": [[] for _ in range(20_000)]}
    for _ in range(100):
        inner = {"name": "f", "parameters": inner}
    total, most = spent(schema_size.added_bytes({"tools": [inner]}))
    assert total < 100_000 and most <= work.SLICE + 1


def test_large_values_in_one_another_are_refused() -> None:
    deep = b"[" * 190 + b'"' + b"a" * 66_000 + b'"' + b"]" * 190
    body = b'{"model":"gpt-4o-mini","messages":[],"x":[' + b",".join([deep] * 10) + b"]}"
    with pytest.raises(TooComplex):
        spent(safe_json.read(body))
    once = b'{"x":' + deep + b"}"
    assert spent(safe_json.read(once))[0] > 0
    wide = b'{"x":[' + b",".join([b'["' + b"a" * 70_000 + b'"]'] * 50) + b"]}"
    assert spent(safe_json.read(wide))[0] > 0


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": ["a"] * 3_000, **{f"k{n}": 1 for n in range(3_000)}}}},
        {
            "$defs": {"a": {"type": "object", "properties": {"x": {}}, "required": ["r"] * 30_000}},
            "properties": {f"p{n}": {"$ref": "#/$defs/a"} for n in range(300)},
        },
    ],
)
def test_a_schema_is_written_out_at_the_cost_of_what_is_looked_at(schema: dict[str, Any]) -> None:
    with pytest.raises(TooLarge):
        Renderer(True, Budget(10**9, 1e9, lambda: 0.0)).functions([{"name": "f", "parameters": schema}])


def test_blanks_before_an_address_cost_no_search() -> None:
    began = time.process_time()
    for _ in range(10):
        total, _ = spent(upper_bound.prompt_bound({"x": {"uri": " " * 2_000_000}}, 2_000_000))
    assert total > 0 and time.process_time() - began < 0.5  # a search took 0.1 s each
    bound = upper_bound.prompt_bound({"x": {"uri": " " * 200 + "https://x.example/a"}}, 300)
    with pytest.raises(StopIteration) as end:
        next(bound)
    assert end.value.value.unbounded is not None


def test_long_arguments_are_counted_as_they_are() -> None:
    text = "[" + ",".join(["[]"] * 20_000) + "]"
    status, went_up = send(called({}, arguments=text), {"MAX_COST_USD": "1"})
    assert status is None and went_up is not None


def test_a_form_s_model_has_a_length_too() -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + b"x" * 1_000 + b"\r\n--b--\r\n"
    headers = (*PROXY_KEY, ("content-type", "multipart/form-data; boundary=b"))
    assert send(form, HELD, "/v1/audio/transcriptions", headers) == ("bad_request", None)


def test_a_member_that_stands_twice_in_arguments_is_counted_twice() -> None:
    from proxy import tokens

    once, twice = (called({}, arguments=text) for text in ('{"a":"one two three"}', '{"a":"one two three","a":"x"}'))
    counts = [count_prompt(one, "chat", tokens.budget(time.monotonic)).tokens for one in (once, twice)]
    assert counts[0] < counts[1]


def test_many_small_values_of_a_schema_are_measured_in_slices() -> None:
    total, most = spent(schema_size.added_bytes({"parameters": {"enum": list(range(10_000))}}))
    assert total > 4 * work.SLICE and most <= work.SLICE


def test_an_image_s_bytes_are_no_text_and_a_file_needs_a_known_window(tmp_path: Any) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 2_000_000}
    settings = {"OPENAI_BASE_URL": "https://api.anthropic.com/v1", "MAX_COST_USD": "0.5"}
    assert send(messages({"type": "image", "source": source}), settings, MESSAGES)[0] is None
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"models": [{"match": ["own-search"], "input": 1, "output": 1}]}))
    owned = {"PRICES_FILE": str(prices), "MAX_COST_USD": "1"}
    assert send(chat(model="own-search", max_tokens=20), owned)[0] is None  # the owner says what it costs
    file = {"type": "file", "file": {"file_data": "AAAA"}}
    assert send(chat([file], model="own-search", max_tokens=20), owned) == ("cost_limit_exceeded", None)
