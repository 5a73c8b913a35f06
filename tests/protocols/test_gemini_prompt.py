"""Gemini requests as chat requests, for counting their tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.protocols.gemini import PROTOCOL
from proxy.protocols.members import call_of


def converted(request: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    result = PROTOCOL.as_chat(request)
    assert result is not None
    chat, estimate, notes = result
    assert estimate
    return chat, notes


def texts(*values: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": value} for value in values]


def test_turns_become_messages() -> None:
    request = {
        "model": "gemini-3-pro",
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Look"}, {"inlineData": {"mimeType": "image/png", "data": "AA"}}]},
            {"role": "model", "parts": [{"text": "Let me see"}, {"functionCall": {"name": "f", "args": {"a": 1}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"r": 2}}}, {"text": "Well?"}]},
        ],
    }
    assert converted(request) == (
        {
            "model": "gemini-3-pro",
            "messages": [
                {"role": "system", "content": texts("Be kind.")},
                {
                    "role": "user",
                    "content": [
                        *texts("Look"),
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
                    ],
                },
                {"role": "assistant", "content": texts("Let me see"), "tool_calls": [call_of("f", '{"a":1}')]},
                {"role": "tool", "content": '{"r":2}'},
                {"role": "user", "content": texts("Well?")},
            ],
        },
        [],
    )


@pytest.mark.parametrize(
    ("system", "call", "inline", "kind", "declarations", "config", "schema"),
    [
        "systemInstruction functionCall inlineData mimeType functionDeclarations generationConfig "
        "responseSchema".split(),
        "system_instruction function_call inline_data mime_type function_declarations generation_config "
        "response_schema".split(),
    ],
)
def test_both_spellings_of_members_are_read(
    system: str, call: str, inline: str, kind: str, declarations: str, config: str, schema: str
) -> None:
    parts = [{inline: {kind: "image/png", "data": "AA"}}, {call: {"name": "f"}}]
    request = {
        system: "Be kind.",
        "contents": {"role": "model", "parts": parts},
        "tools": {declarations: [{"name": "f", "parameters": {"type": "OBJECT"}}]},
        config: {schema: {"type": "STRING"}},
    }
    chat, notes = converted(request)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    assert chat["messages"] == [
        {"role": "system", "content": texts("Be kind.")},
        {"role": "assistant", "content": [image], "tool_calls": [call_of("f", "{}")]},
    ]
    assert chat["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    assert chat["response_format"]["json_schema"]["schema"] == {"type": "string"} and not notes


def test_functions_become_tools_with_a_json_schema() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {"type": {"type": "STRING", "enum": ["A"]}, "list": {"anyOf": [{"type": "INTEGER"}]}},
        "propertyOrdering": ["type"],
    }
    plain = {"type": "object", "properties": {"x": {"type": "string"}}}
    functions = [
        {"name": "f", "description": "d", "parameters": schema},
        {"name": "g", "parametersJsonSchema": plain},
        {"name": "h"},
        5,
    ]
    chat, notes = converted({"tools": [{"functionDeclarations": functions}]})
    made = {
        "type": "object",
        "properties": {"type": {"type": "string", "enum": ["A"]}, "list": {"anyOf": [{"type": "integer"}]}},
    }
    assert [tool["function"] for tool in chat["tools"]] == [
        {"name": "f", "description": "d", "parameters": made},
        {"name": "g", "parameters": plain},
        {"name": "h"},
    ]
    assert not notes


@pytest.mark.parametrize(
    ("request_", "note"),
    [
        ({"tools": [{"googleSearch": {}}]}, "the upstream's own tools add instructions that cannot be counted"),
        ({"tools": [5]}, "the upstream's own tools add instructions that cannot be counted"),
        ({"cachedContent": "cachedContents/1"}, "only the upstream knows the cached content"),
        ({"cached_content": "cachedContents/1"}, "only the upstream knows the cached content"),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "u"}}]}]}, "fileData in a part cannot be counted"),
        (
            {"contents": [{"parts": [{"inlineData": {"mimeType": "audio/wav", "data": "AA"}}]}]},
            "audio and files cannot be counted",
        ),
        ({"contents": [{"parts": [{"thoughtSignature": "AA"}]}]}, "signatures of thoughts cannot be counted"),
        (
            {"contents": [{"parts": [{"functionResponse": {"name": "f", "parts": [{}]}}]}]},
            "media in the result of a call cannot be counted",
        ),
        ({"contents": [5]}, "parts of other types are not counted"),
        ({"generationConfig": {"responseFormat": [{}]}}, "responseFormat is not counted"),
        ({"extra": {"a": 1}}, "extra in the request is not counted"),
    ],
)
def test_what_cannot_be_counted_is_noted(request_: dict[str, Any], note: str) -> None:
    assert converted(request_)[1] == [note]


def test_members_without_tokens_are_not_noted() -> None:
    members = {"safetySettings": [], "safety_settings": [], "toolConfig": {}, "labels": {}, "flag": True, "none": None}
    assert converted({**members, "generationConfig": {"temperature": 1}}) == ({"messages": []}, [])


def test_code_and_its_output_are_texts() -> None:
    parts = [{"executableCode": {"code": "1+1"}}, {"code_execution_result": {"output": "2"}}]
    assert converted({"contents": [{"role": "model", "parts": parts}]})[0]["messages"] == [
        {"role": "assistant", "content": texts("1+1", "2")}
    ]


def test_a_text_in_the_place_of_contents_is_the_user_s() -> None:
    for contents in ("Hi", ["Hi"], [{"parts": ["Hi"]}], {"parts": {"text": "Hi"}}):
        assert converted({"contents": contents})[0]["messages"] == [{"role": "user", "content": texts("Hi")}]


def test_a_schema_may_be_nested_deeply() -> None:
    schema: dict[str, Any] = {"type": "STRING"}
    for _ in range(100_000):
        schema = {"items": [schema]}
    chat, _ = converted({"generationConfig": {"responseJsonSchema": schema}})
    assert chat["response_format"]["json_schema"]["name"] == "response"


NAMES = st.sampled_from(
    "contents systemInstruction system_instruction tools generationConfig parts role text inlineData inline_data "
    "mimeType data functionCall functionResponse response args name functionDeclarations parameters responseSchema "
    "type executableCode code thoughtSignature".split()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["model", "image/png"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_any_request_is_converted(request: dict[str, Any]) -> None:
    chat, notes = converted(request)
    assert isinstance(chat["messages"], list) and all(isinstance(note, str) for note in notes)
