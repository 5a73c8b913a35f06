"""The messages of a request to the Messages API become chat messages."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.protocols.translate.chat_providers import UNKNOWN, ChatProvider, provider_at
from proxy.protocols.translate.own_reasoning import without_thinking
from tests.protocols.translate.messages_to_chat.asked import (
    DEEPSEEK,
    HI,
    MISTRAL,
    MOONSHOT,
    OPENAI,
    PNG,
    PNG_PART,
    assistant,
    messages,
    refusal,
    result,
    text,
    translated,
    use,
    user,
)

# system


def test_the_system_prompt_is_one_leading_message() -> None:
    first, _ = translated(system=[text("a", cache_control={"type": "ephemeral"}), text(""), text("b")]).request[
        "messages"
    ]
    assert first == {"role": "system", "content": "a\n\nb"}
    assert translated(system="a").request["messages"][0]["content"] == "a"
    assert translated(system="").request["messages"] == translated(system=None).request["messages"] == [HI]


def test_the_billing_line_is_stripped() -> None:  # E14
    line = "x-anthropic-billing-header: cc_version=2.1; cch=1;"
    assert translated(system=[text(line), text("b")]).request["messages"][0]["content"] == "b"
    assert translated(system=f"{line}\nb").request["messages"][0]["content"] == "b"
    assert translated(system=line).request["messages"] == [HI]


def test_a_system_message_within_the_conversation_is_a_reminder_of_the_user() -> None:  # E13
    reminder = {"role": "system", "content": "Be brief."}
    marked = "<system-reminder>\nBe brief.\n</system-reminder>"
    assert messages(HI, reminder) == [{"role": "user", "content": f"Hi\n\n{marked}"}]
    turns = messages(HI, assistant(use()), reminder, user(result()))  # it may not separate a call and its result
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool", "user"]
    assert turns[-1]["content"] == marked


# content


def test_texts_alone_are_a_string() -> None:  # E35
    block = text("a", cache_control={"type": "ephemeral"})
    assert messages(user(block), assistant(block), user(block, text(""), text("b"))) == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "a\n\nb"},
    ]


def test_images_are_addresses() -> None:
    url = {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
    (message,) = messages(user(text("a"), PNG, url))
    assert message["content"] == [
        text("a"),
        PNG_PART,
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
    ]
    for source in ({"type": "file", "file_id": "file_1"}, None, {"type": "base64", "data": 5}):
        assert "uploaded files" in refusal(messages=[user({"type": "image", "source": source})]).message


def test_documents_are_text_or_files() -> None:
    plain = {"type": "text", "media_type": "text/plain", "data": "body"}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}
    assert (
        messages(user({"type": "document", "source": plain, "title": "T", "context": "C"}))[0]["content"]
        == "T\n\nC\n\nbody"
    )
    inner = {"type": "content", "content": [text("a"), PNG]}
    assert messages(user({"type": "document", "source": inner}))[0]["content"] == [text("a"), PNG_PART]
    file = {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA"}
    document = {"type": "document", "source": pdf}
    assert messages(user(document), provider=OPENAI)[0]["content"] == [{"type": "file", "file": file}]
    named = messages(user({**document, "title": "T"}), provider=OPENAI)[0]["content"][1]
    assert named["file"]["filename"] == "T"
    deep = {"type": "content", "content": [document]}
    for source in (pdf, {"type": "file", "file_id": "f"}, {"type": "url", "url": "u"}, 5, deep):
        refusal(messages=[user({"type": "document", "source": source})])


def test_search_results_and_found_tools_are_text() -> None:
    found = {"type": "search_result", "title": "T", "source": "S", "content": [text("a"), 5, text("b")]}
    assert messages(user(found))[0]["content"] == "T\nS\na\nb"
    reference = {"type": "tool_reference", "tool_name": "g"}
    assert messages(user(result([reference])))[0]["content"] == "Tool 'g' is available."


def test_citations_are_named_as_dropped() -> None:
    document = {"type": "document", "source": {"type": "text", "data": "a"}, "citations": {"enabled": True}}
    assert translated(messages=[user(document)]).dropped == ["citations"]


def test_unknown_blocks_are_refused() -> None:
    for turn in (user({"type": "new"}), user(use()), assistant(result()), user({}), assistant({"type": 5})):
        refusal(messages=[turn])
    assert "'container_upload'" in refusal(messages=[user({"type": "container_upload"})]).message


@pytest.mark.parametrize(
    "turns",
    [
        None,
        [],
        "Hi",
        [5],
        [{"role": "developer", "content": "x"}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": ["x"]}],
        [user(text(5))],
        [user(text("")), {"role": "assistant", "content": None}],
        [user(result(identifier=None))],
        [assistant(use(identifier=None))],
        [assistant(use(name=None))],
    ],
)
def test_malformed_messages_are_refused(turns: Any) -> None:
    assert str(refusal(messages=turns).param).startswith("messages")


def test_a_malformed_system_prompt_is_refused() -> None:
    assert refusal(system=[PNG]).param == refusal(system=5).param == "system"


# calls and results


def test_calls_and_results_keep_their_ids() -> None:
    turns = messages(HI, assistant(text("Let me see."), use(), use("c2", "g", {})), user(result(), result(None, "c2")))
    assert turns[1] == {
        "role": "assistant",
        "content": "Let me see.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }
    assert turns[2:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "tool", "tool_call_id": "c2", "content": "(no output)"},
    ]
    broken = {"type": "tool_use", "id": "c", "name": "f"}
    assert messages(assistant(broken, use("d", "g", '{"x')))[0]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert messages(assistant(use("d", "g", '{"x')))[0]["tool_calls"][0]["function"]["arguments"] == '{"x'
    assert messages(assistant(use()))[0]["content"] is None


def test_results_come_first_in_their_turn() -> None:  # E12
    turns = messages(assistant(use()), user(text("a"), result(), text("b")))
    assert turns[1:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "user", "content": "a\n\nb"},
    ]
    turns = messages(assistant(use()), user(text("a")), user(result()))
    assert [turn["role"] for turn in turns] == ["assistant", "tool", "user"]


@pytest.mark.parametrize("identifier", ["x" * 41, "a.b:0", "functions.f:0 ", "\ud800"])
@pytest.mark.parametrize(("provider", "length"), [(UNKNOWN, 40), (MISTRAL, 9)])
def test_ids_that_providers_refuse_are_replaced_alike(
    identifier: str, provider: ChatProvider, length: int
) -> None:  # E27
    turns = messages(assistant(use(identifier)), user(result(identifier=identifier)), provider=provider)
    new = turns[0]["tool_calls"][0]["id"]
    assert new == turns[1]["tool_call_id"] != identifier
    assert len(new) <= length and new.replace("call_", "").isalnum()
    assert messages(assistant(use(identifier)), provider=provider)[0]["tool_calls"][0]["id"] == new


def test_moonshot_gets_its_own_ids_back() -> None:
    assert messages(assistant(use("functions.f:0")), provider=MOONSHOT)[0]["tool_calls"][0]["id"] == "functions.f:0"


def test_failed_results_say_so() -> None:
    assert messages(user(result("no such file", is_error=True)))[0]["content"] == "Error: no such file"


def test_images_of_results_follow_in_a_message_of_the_user() -> None:  # E11
    turns = messages(assistant(use()), user(result([text("a"), PNG]), text("b")))
    assert turns[1] == {"role": "tool", "tool_call_id": "c1", "content": "a\n\n[image: see the next message]"}
    assert turns[2] == {"role": "user", "content": [text("[images of the result of c1]"), PNG_PART, text("b")]}


def test_anthropic_s_own_tools_in_the_history_are_left_out() -> None:
    server = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    outcome = translated(messages=[HI, assistant(server, found, text("a")), HI])
    assert outcome.request["messages"][1] == {"role": "assistant", "content": "a"}
    assert outcome.dropped == ["server_tool_use", "web_search_tool_result"]


# reasoning of earlier turns

THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "sluice-1"}
REDACTED = {"type": "redacted_thinking", "data": "x"}


def test_reasoning_goes_back_to_providers_that_need_it() -> None:  # E17
    turns = [HI, assistant(THOUGHT, REDACTED, {"type": "thinking", "thinking": ""}, text("a"), use()), user(result())]
    for address in ("https://api.deepseek.com", "https://api.z.ai/api/paas/v4", "https://api.minimaxi.com/v1"):
        assert messages(*turns, provider=provider_at(address))[1]["reasoning_content"] == "Hm"
    assert "reasoning_content" not in messages(*turns)[1]
    assert messages(HI, assistant(THOUGHT), HI, provider=DEEPSEEK)[1] == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "Hm",
    }
    assert messages(HI, assistant(THOUGHT), HI) == [HI, HI]
    off = {"type": "disabled"}
    assert "reasoning_content" not in messages(*turns, provider=DEEPSEEK, thinking=off)[1]


def test_a_call_without_reasoning_gets_a_blank_one_where_it_must_have_some() -> None:
    assert messages(assistant(use()), provider=MOONSHOT)[0]["reasoning_content"] == " "
    assert "reasoning_content" not in messages(assistant(text("a")), provider=MOONSHOT)[0]


def test_our_own_thinking_is_removed_before_a_real_call_to_anthropic() -> None:  # E15
    foreign = {**THOUGHT, "signature": "ErUB"}
    turns = [HI, assistant(THOUGHT, text("a")), assistant(THOUGHT), assistant(foreign, 5), assistant(), 5]
    assert without_thinking(turns) == [HI, assistant(text("a")), assistant(foreign, 5), assistant(), 5]
