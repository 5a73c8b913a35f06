"""A request to the Messages API becomes a chat request, field by field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.errors import BadRequest
from proxy.protocols.translate.chat_providers import UNKNOWN, ChatProvider, provider_at
from proxy.protocols.translate.messages_to_chat.request import to_chat
from proxy.protocols.translate.names import function_name
from proxy.protocols.translate.own_reasoning import without_thinking
from proxy.protocols.translate.translated import Translated

DEEPSEEK = provider_at("https://api.deepseek.com")
MOONSHOT = provider_at("https://api.moonshot.cn/v1")
OPENAI = provider_at("https://api.openai.com/v1")
OPENROUTER = provider_at("https://openrouter.ai/api/v1")
MISTRAL = provider_at("https://api.mistral.ai/v1")
HI = {"role": "user", "content": "Hi"}
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {"x": {}}}}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def translated(provider: ChatProvider = UNKNOWN, reasons: bool = False, **members: Any) -> Translated:
    request = {"model": "m", "messages": [HI], **members}
    before = json.dumps(request)
    result = to_chat(request, provider, reasons)
    assert json.dumps(request) == before
    return result


def messages(*turns: Any, provider: ChatProvider = UNKNOWN, **members: Any) -> list[Any]:
    found: list[Any] = translated(provider, messages=list(turns), **members).request["messages"]
    return found


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def use(identifier: Any = "c1", name: Any = "f", arguments: Any = None) -> dict[str, Any]:
    return {"type": "tool_use", "id": identifier, "name": name, "input": {"x": 1} if arguments is None else arguments}


def result(content: Any = "done", identifier: Any = "c1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": identifier, "content": content, **more}


def refusal(**members: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        translated(**members)
    assert caught.value.status == 400 and caught.value.message
    return caught.value


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


# how much to think


@pytest.mark.parametrize(
    ("thinking", "config", "expected"),
    [
        ({"type": "enabled", "budget_tokens": 3_999}, None, "low"),
        ({"type": "enabled", "budget_tokens": 4_000}, None, "medium"),
        ({"type": "enabled", "budget_tokens": 16_000}, None, "high"),
        ({"type": "enabled", "budget_tokens": 1_024}, {"effort": "max"}, "high"),
        ({"type": "adaptive"}, {"effort": "medium"}, "medium"),
        ({"type": "adaptive"}, None, None),
        (None, {"effort": "low"}, "low"),
        (None, {"effort": ["x"]}, None),
        (5, 5, None),
        ({"type": "disabled"}, {"effort": "high"}, None),
    ],
)
def test_effort_follows_the_request(thinking: Any, config: Any, expected: str | None) -> None:
    assert translated(thinking=thinking, output_config=config).request.get("reasoning_effort") == expected


def test_effort_is_one_that_the_provider_takes() -> None:
    def effort(provider: ChatProvider, value: str, **more: Any) -> Any:
        return translated(provider, output_config={"effort": value}, **more).request.get("reasoning_effort")

    assert [effort(DEEPSEEK, value) for value in ("low", "medium", "xhigh")] == ["low", "high", "max"]
    assert effort(OPENROUTER, "max") == "xhigh"
    assert effort(OPENAI, "high", reasons=True) == "high"
    for provider in (OPENAI, MOONSHOT):
        assert effort(provider, "high") is None
        assert translated(provider, output_config={"effort": "high"}).dropped == ["reasoning_effort"]


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        (DEEPSEEK, "deepseek-v4", {"thinking": {"type": "disabled"}}),
        (MOONSHOT, "kimi-k2.6", {"thinking": {"type": "disabled"}}),
        (MOONSHOT, "kimi-k2.7-code", {}),
        (OPENAI, "gpt-5.2", {"reasoning_effort": "none"}),
        (OPENAI, "openai/gpt-6", {"reasoning_effort": "none"}),
        (OPENAI, "gpt-5.2-codex", {}),
        (OPENAI, "gpt-5", {}),
        (OPENAI, "gpt-4o", {}),
        (UNKNOWN, "m", {}),
    ],
)
def test_thinking_is_switched_off_with_one_member(provider: ChatProvider, model: str, expected: dict[str, Any]) -> None:
    off = {"type": "disabled"}  # E18
    chat = translated(provider, model=model, thinking=off, output_config={"effort": "high"}).request
    assert {name: value for name, value in chat.items() if name not in ("model", "messages")} == expected


# other members


def test_the_limit_has_the_name_that_the_model_takes() -> None:
    assert translated(max_tokens=5).request["max_tokens"] == 5
    chat = translated(max_tokens=5, reasons=True).request
    assert chat["max_completion_tokens"] == 5 and "max_tokens" not in chat


def test_up_to_four_stop_sequences_pass() -> None:
    assert translated(stop_sequences=["a", "b", "c", "d"]).request["stop"] == ["a", "b", "c", "d"]
    assert "stop" not in translated(stop_sequences=[]).request
    assert refusal(stop_sequences=list("abcde")).param == refusal(stop_sequences="a").param == "stop_sequences"


def test_sampling_passes_where_it_is_taken() -> None:
    members: dict[str, Any] = {"temperature": 0, "top_p": 0.5, "top_k": 3}
    plain = translated(**members)
    assert plain.request["temperature"] == 0 and plain.request["top_p"] == 0.5 and plain.dropped == ["top_k"]
    assert translated(OPENROUTER, **members).request["top_k"] == 3
    assert translated(reasons=True, **members).dropped == ["temperature", "top_p", "top_k"]
    minimax = provider_at("https://api.minimax.io/v1")
    assert translated(minimax, temperature=0).request["temperature"] == 0.01
    assert translated(minimax, temperature=1.7).request["temperature"] == 1.0
    assert translated(temperature="x").request["temperature"] == "x"


def test_what_means_nothing_elsewhere_is_dropped_silently() -> None:
    members: dict[str, Any] = {
        "metadata": {"user_id": "u"},
        "cache_control": {},
        "service_tier": "auto",
        "betas": ["x"],
        "speed": None,
    }
    outcome = translated(**members)
    assert outcome.request == {"model": "m", "messages": [HI]} and outcome.dropped == []


def test_what_may_be_missed_is_named() -> None:
    outcome = translated(context_management={"edits": []}, inference_geo="us", **dict[str, Any]({"Bad\r\nname": 1}))
    assert outcome.dropped == ["context_management", "inference_geo"]
    many: dict[str, Any] = {f"member_{number}": 1 for number in range(99)}
    assert len(translated(**many).dropped) == 16


def test_a_prefill_passes() -> None:
    assert messages(HI, {"role": "assistant", "content": "{"})[-1] == {"role": "assistant", "content": "{"}


def test_a_stream_is_asked_for_with_its_usage() -> None:
    chat = translated(stream=True).request
    assert chat["stream"] is True and chat["stream_options"] == {"include_usage": True}
    assert "stream" not in translated(stream=False).request


def test_a_format_of_the_output_is_a_response_format() -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    expected = {"type": "json_schema", "json_schema": {"name": "output", "schema": {"type": "object"}}}
    assert translated(output_config={"format": form}).request["response_format"] == expected
    assert translated(output_format=form).request["response_format"] == expected
    for wrong in ({"type": "xml"}, {"type": "json_schema"}, "x"):
        assert refusal(output_config={"format": wrong}).param == "output_config"


# tools


def test_tools_are_functions() -> None:
    more = {"defer_loading": True, "input_examples": [], "eager_input_streaming": True, "cache_control": {}}
    tool = {**TOOL, "type": "custom", "description": "d", "strict": False, **more}
    (function,) = translated(tools=[tool]).request["tools"]
    parameters = TOOL["input_schema"]
    assert function == {"type": "function", "function": {"name": "f", "description": "d", "parameters": parameters}}
    assert translated(tools=[{**TOOL, "strict": True}]).dropped == ["tools.strict"]


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"properties": None}, None])
def test_a_schema_has_a_type_and_properties(schema: Any) -> None:  # E30
    (function,) = translated(tools=[{"name": "f", "input_schema": schema}]).request["tools"]
    assert function["function"]["parameters"] == {"type": "object", "properties": {}}


def test_names_that_providers_refuse_are_shortened_everywhere_and_known_to_the_answer() -> None:
    name = "mcp__" + "server." * 10 + "do"
    outcome = translated(
        tools=[{**TOOL, "name": name}, TOOL],
        tool_choice={"type": "tool", "name": name},
        messages=[HI, assistant(use(name=name)), user(result())],
    )
    new = outcome.request["tools"][0]["function"]["name"]
    assert len(new) == 64 and new == function_name(name)
    assert outcome.request["tool_choice"]["function"]["name"] == new
    assert outcome.request["messages"][1]["tool_calls"][0]["function"]["name"] == new
    assert outcome.names == {new: name}


SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}


def test_server_tools_beside_others_are_left_out() -> None:  # E19
    more = [
        SEARCH,
        {"type": "code_execution_20250825", "name": "code_execution"},
        {"type": "new_20270101", "name": "new"},
    ]
    outcome = translated(tools=[TOOL, *more], mcp_servers=[{"url": "u"}], container="c")
    assert [tool["function"]["name"] for tool in outcome.request["tools"]] == ["f"]
    assert outcome.dropped == ["web_search", "code_execution", "tools", "mcp_servers", "container"]


def test_server_tools_alone_or_forced_are_refused() -> None:  # E19
    assert "web_search" in refusal(tools=[SEARCH]).message
    forced = {"type": "tool", "name": "web_search"}
    assert refusal(tools=[TOOL, SEARCH], tool_choice=forced).param == "tools"
    assert refusal(mcp_servers=[{"url": "u"}]).param == "mcp_servers"
    assert refusal(container={"skills": []}).param == "container"


@pytest.mark.parametrize("kind", ["bash_20250124", "text_editor_20250728", "memory_20250818", "computer_20250124"])
def test_tools_without_a_schema_are_refused(kind: str) -> None:
    error = refusal(tools=[TOOL, {"type": kind, "name": "x"}])
    assert kind in error.message and error.param == "tools.1"


@pytest.mark.parametrize("tools", ["x", [5], [{"type": 5}], [{}], [{"name": ""}]])
def test_malformed_tools_are_refused(tools: Any) -> None:
    assert str(refusal(tools=tools).param).startswith("tools")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, {}),
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ({"type": "auto", "disable_parallel_tool_use": True}, {"tool_choice": "auto", "parallel_tool_calls": False}),
    ],
)
def test_the_choice_of_a_tool_is_translated(choice: Any, expected: dict[str, Any]) -> None:
    names = ("tool_choice", "parallel_tool_calls")
    chat = translated(tools=[TOOL], tool_choice=choice).request
    assert {name: chat[name] for name in names if name in chat} == expected
    bare = translated(tools=[], tool_choice=choice).request  # neither without tools
    assert not any(name in bare for name in (*names, "tools"))


def test_an_unknown_choice_is_refused() -> None:
    for choice in ({"type": "some"}, {"type": "tool"}, {"type": ["x"]}):
        assert refusal(tools=[TOOL], tool_choice=choice).param == "tool_choice"
