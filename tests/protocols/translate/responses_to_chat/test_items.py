"""The input of a request to the Responses API becomes chat messages, item by item."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import BadRequest
from proxy.protocols.translate.chat_providers import UNKNOWN
from proxy.protocols.translate.responses_to_chat.request import to_chat
from tests.protocols.translate.responses_to_chat.asked import (
    DEEPSEEK,
    MISTRAL,
    OPENAI,
    PATCH,
    PNG,
    PNG_PART,
    assistant,
    call,
    messages,
    output,
    reasoning,
    refusal,
    result,
    text,
    tool_call,
    translated,
    user,
)

HI = {"role": "user", "content": "Hi"}


def test_a_text_is_a_message() -> None:
    assert translated(input="Hi").request["messages"] == [HI]
    assert messages({"role": "user", "content": "Hi"}) == [HI]


def test_instructions_and_developer_messages_are_one_leading_system_message() -> None:
    first = {"role": "developer", "content": [text("b"), text("")]}
    found = messages(first, user("Hi"), {"role": "system", "content": "c"}, instructions="a")
    assert found == [{"role": "system", "content": "a\n\nb\n\nc"}, HI]
    assert messages(user("Hi"), instructions="") == [HI]


def test_messages_of_the_user_that_follow_each_other_are_one() -> None:
    assert messages(user("a"), user("b", "c")) == [{"role": "user", "content": "a\n\nb\n\nc"}]


def test_images_and_files_are_parts() -> None:
    (found,) = messages(user("Look", {**PNG, "detail": "high"}, {**PNG, "detail": "original"}))
    with_detail = {"type": "image_url", "image_url": {"url": PNG["image_url"], "detail": "high"}}
    assert found["content"] == [{"type": "text", "text": "Look"}, with_detail, PNG_PART]
    file = {"type": "input_file", "file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"}
    (found,) = messages(user(file), provider=OPENAI)
    assert found["content"] == [{"type": "file", "file": {"filename": "a.pdf", "file_data": file["file_data"]}}]
    (found,) = messages(user({**file, "filename": None}), provider=OPENAI)
    assert found["content"][0]["file"]["filename"] == "file"
    audio = {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}
    assert messages(user(audio))[0]["content"] == [audio]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_file", "file_url": "https://x"},
        {"type": "input_file", "file_data": "data:,x"},
        {"type": "input_audio"},
        {"type": "new"},
        {"type": ["x"]},
        {"type": "input_text", "text": 5},
        {},
    ],
)
def test_parts_without_an_equal_are_refused(part: Any) -> None:
    assert refusal(input=[user(part)]).param == "input[0]"


# calls and their outputs


def test_calls_next_to_each_other_are_one_message_with_its_text() -> None:
    found = messages(user("Hi"), assistant("Let me see."), call(), call("c2", "g", {}), output(), output("ok", "c2"))
    calls = [tool_call(), tool_call("c2", "g", "{}")]
    assert found[1] == {"role": "assistant", "content": "Let me see.", "tool_calls": calls}
    assert found[2:] == [result(), result("ok", "c2")]
    assert messages(call(arguments=None), output())[0]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_result_follows_its_call_wherever_it_was() -> None:
    found = messages(call(), user("Wait"), output(), call("c2"), output("ok", "c2"), assistant("Done."))
    assert [message["role"] for message in found] == ["assistant", "tool", "user", "assistant", "tool", "assistant"]
    assert found[1] == result() and found[4] == result("ok", "c2")


def test_calls_after_a_result_are_another_message() -> None:
    found = messages(call(), output(), call("c2"), output("ok", "c2"))
    assert [message["role"] for message in found] == ["assistant", "tool", "assistant", "tool"]


def test_a_missing_output_has_a_placeholder_and_is_named() -> None:
    made = translated(input=[call(), user("Go on")])
    assert made.request["messages"][1] == result("(no output)") and made.dropped == ["function_call_output"]


@pytest.mark.parametrize("items", [[output()], [output(), call()], [call(), output("x", "c2")]])
def test_an_output_without_a_call_is_refused(items: list[Any]) -> None:
    assert "no call before" in refusal(input=items).message


def test_calls_with_the_same_id_do_not_multiply_a_result() -> None:
    made = translated(input=[*(call() for _ in range(50)), output("x" * 1_000)])
    assert json.dumps(made.request).count("x" * 1_000) == 1 and made.dropped == ["function_call_output"]


def test_images_in_an_output_follow_in_a_message_of_the_user() -> None:  # E11
    found = messages(call(), call("c2"), output([text("see"), PNG]), output("ok", "c2"), user("What is it?"))
    assert found[1] == result("see\n\n[image: see the next message]") and found[2] == result("ok", "c2")
    label = {"type": "text", "text": "[images of the result of c1]"}
    assert found[3] == {"role": "user", "content": [label, PNG_PART, {"type": "text", "text": "What is it?"}]}
    assert messages(call(), output([PNG]), assistant("A gate."))[2]["content"] == [label, PNG_PART]


def test_ids_that_a_provider_refuses_are_hashed_alike() -> None:  # E27
    long = "c" * 70
    for provider, size in ((UNKNOWN, 37), (MISTRAL, 9)):
        first, second = messages(call(long), output("done", long), provider=provider)
        assert first["tool_calls"][0]["id"] == second["tool_call_id"] and len(second["tool_call_id"]) == size


def test_a_custom_call_is_a_function_s() -> None:  # E20
    made = {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"}
    found = messages(made, output("ok", kind="custom_tool_call_output"), tools=[PATCH])
    assert found == [
        {"role": "assistant", "content": None, "tool_calls": [tool_call("c1", "apply_patch", '{"input":"*** Begin"}')]},
        result("ok"),
    ]


def test_a_local_shell_s_call_has_its_command() -> None:
    action = {"type": "exec", "command": ["ls"], "env": {}, "timeout_ms": 5, "user": None}
    shell = {"type": "local_shell_call", "id": "lsh_1", "call_id": "c1", "action": action, "status": "completed"}
    for done in (output(), {"type": "local_shell_call_output", "id": "c1", "output": "done"}):
        found = messages(shell, done, tools=[{"type": "local_shell"}])
        assert found[0]["tool_calls"] == [tool_call("c1", "local_shell", '{"command":["ls"],"timeout_ms":5}')]
        assert found[1] == result()
    broken = messages({**shell, "action": 5}, output())
    assert broken[0]["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize("kind", ["web_search_call", "mcp_call", "code_interpreter_call"])
def test_what_hosted_tools_did_is_left_out_and_named(kind: str) -> None:
    made = translated(input=[user("Hi"), {"type": kind, "id": "x"}, assistant("Ok.")])
    assert made.dropped == [kind] and len(made.request["messages"]) == 2


@pytest.mark.parametrize(
    "item",
    [
        {"type": "item_reference", "id": "x"},
        {"type": "new"},
        {"type": ["x"]},
        {"type": "message", "role": "tool", "content": "x"},
        {"type": "message", "content": "x"},
        {"type": "message", "role": "user", "content": 5},
        {"type": "message", "role": "developer", "content": [PNG]},
        call(identifier=None),
        call(name=None),
        output(identifier=5),
        5,
    ],
)
def test_items_without_an_equal_are_refused(item: Any) -> None:
    assert str(refusal(input=[user("Hi"), item]).param) == "input[1]"


@pytest.mark.parametrize("value", [None, [], 5, "", [user("")], [{"role": "developer", "content": "x"}]])
def test_an_input_without_a_message_is_refused(value: Any) -> None:
    assert refusal(input=value).param == "input"


@pytest.mark.parametrize("kind", ["compaction", "compaction_trigger", "compaction_summary"])
def test_compaction_is_refused_with_what_to_do(kind: str) -> None:  # E22
    assert "another name than OpenAI" in refusal(input=[user("Hi"), {"type": kind}]).message


# reasoning


def test_reasoning_goes_to_providers_that_need_it() -> None:  # E17
    items = [user("Hi"), reasoning("Hm"), assistant("Ok."), reasoning("So"), call(), output()]
    found = messages(*items, provider=DEEPSEEK)
    assert found[1] == {
        "role": "assistant",
        "content": "Ok.",
        "reasoning_content": "Hm\n\nSo",
        "tool_calls": [tool_call()],
    }
    assert messages(call(), output(), provider=DEEPSEEK)[0]["reasoning_content"] == " "
    assert "reasoning_content" not in str(messages(*items))
    assert "reasoning_content" not in str(messages(*items, provider=DEEPSEEK, reasoning={"effort": "none"}))


def test_the_reasoning_itself_is_more_than_its_summary_and_encrypted_reasoning_is_nobody_else_s() -> None:
    content = [{"type": "reasoning_text", "text": "Really"}, {"type": "reasoning_text", "text": 5}, 5]
    found = messages(user("Hi"), reasoning("Hm", content=content), assistant("Ok."), provider=DEEPSEEK)
    assert found[1]["reasoning_content"] == "Really"
    secret = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}
    assert messages(user("Hi"), secret, assistant("Ok."), provider=DEEPSEEK)[1] == {
        "role": "assistant",
        "content": "Ok.",
    }
    alone = messages(user("Hi"), reasoning("Hm"), user("Go on"), provider=DEEPSEEK)
    assert alone[1] == {"role": "assistant", "content": "", "reasoning_content": "Hm"}
    assert messages(user("Hi"), reasoning("Hm"), user("Go on"))[1] == {"role": "user", "content": "Go on"}


# any conversation

WORDS = st.text(max_size=6)
IDS = st.sampled_from(["c1", "c2", "x" * 50])
ITEMS = st.one_of(
    WORDS.map(user),
    WORDS.map(assistant),
    WORDS.map(reasoning),
    st.builds(call, IDS, st.sampled_from(["f", "g"])),
    st.builds(output, st.one_of(WORDS, st.just([PNG])), IDS),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(ITEMS, max_size=10), st.sampled_from([UNKNOWN, DEEPSEEK, MISTRAL]))
def test_any_conversation_becomes_one_that_chat_providers_accept(items: list[Any], provider: Any) -> None:
    """Every call has a result right after it, no result is without a call, and no text is lost."""
    try:
        found = to_chat({"model": "m", "input": items}, provider).request["messages"]
    except BadRequest:
        return
    waiting: list[str] = []
    for message in found:
        if message["role"] == "tool":
            assert waiting.pop(0) == message["tool_call_id"]
            continue
        assert not waiting
        waiting = [one["id"] for one in message.get("tool_calls", ())]
    assert not waiting
    texts = json.dumps(found, ensure_ascii=False)
    for item in items:
        for part in item.get("content", ()):
            assert json.dumps(part["text"], ensure_ascii=False)[1:-1] in texts


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "type role content text name call_id arguments output summary tools input namespace format action "
                "effort mode parameters".split()
            ),
            inner
            | st.sampled_from(
                "message function_call function_call_output reasoning custom namespace local_shell tool_search "
                "allowed_tools json_schema user additional_tools".split()
            ),
            max_size=5,
        )
    ),
    max_leaves=12,
)
MEMBERS = "input instructions tools tool_choice reasoning text max_output_tokens temperature stream store".split()


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=5))
def test_junk_is_refused_and_never_raises_anything_else(request: dict[str, Any]) -> None:
    with contextlib.suppress(BadRequest):
        json.dumps(to_chat({"model": "m", **request}).request)
