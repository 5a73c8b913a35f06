"""The rules of each API and family, on recorded requests; each line of recorded.jsonl names its source and licence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.tokens import vocabulary
from proxy.tokens.models import O200K
from tests.support.counting import count_prompt, plenty, tool, user

RECORDED = [json.loads(line) for line in Path(__file__).with_name("recorded.jsonl").read_text("utf-8").splitlines()]
CALLS = [
    {"role": "user", "content": "x"},
    {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"},
    {"type": "function_call_output", "call_id": "c", "output": "done"},
]
ARGUMENT = {"a": {"type": "string", "description": "d"}}


@pytest.mark.parametrize(
    "row", RECORDED, ids=[f"{at}-{row['source'].split('@')[0]}" for at, row in enumerate(RECORDED)]
)
def test_recorded_requests_count_as_the_api_counted_them(row: dict[str, Any]) -> None:
    count = count_prompt(row["request"], row["api"], plenty())
    assert (count.tokens, count.certainty) == (row["prompt_tokens"], row["certainty"])


def responses(model: str = "gpt-4o", **more: Any) -> dict[str, Any]:
    return {"model": model, "input": "x", **more}


def offered(**schema: Any) -> dict[str, Any]:
    """A chat request with one function, whose parameter has this schema."""
    return user("x", tools=[tool("f", {"a": {"type": "string", "description": "d", **schema}}, "Does it.")])


FUNCTION = {"type": "function", "name": "f", "description": "Does it.", "parameters": {"properties": ARGUMENT}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
TEXT_SCHEMA = {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}}
TOOLS = [tool("f", ARGUMENT, "Does it.")]
TURNS = [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}] * 2}]


@pytest.mark.parametrize(
    ("protocol", "request_body", "reason"),
    [
        ("chat", user("x", model="gpt-5.1", tools=TOOLS), "for this model"),
        ("chat", user("x", model="o3", response_format=SCHEMA), "for this model"),
        ("chat", user("x", model="gpt-6", tools=TOOLS), "for this model"),
        ("chat", user("x", model="gpt-6"), "have not been measured"),
        ("chat", user("x", tools=TOOLS, response_format=SCHEMA), "next to tools"),
        ("chat", user("x", model="gpt-4-0613", tools=TOOLS), "for this model"),
        ("chat", user("x", model="gpt-5", tools=[tool("f", ARGUMENT)]), "without a description"),
        ("chat", user("x", model="gpt-3.5-turbo"), "different rules"),
        ("chat", user("x", model="gpt-4-0314"), "rules have not been measured"),
        ("chat", {"model": "gpt-4o", "messages": [*TURNS, {"role": "tool", "content": "é"}]}, "ASCII"),
        (
            "chat",
            {
                "model": "gpt-4-0613",
                "messages": [
                    {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}},
                ],
            },
            "next to a call",
        ),
        ("chat", offered(format="date"), "format in a schema"),
        ("chat", offered(minimum=1), "minimum in a schema"),
        ("chat", offered(type=["string", "null"]), "list of types"),
        ("chat", offered(type="object", properties=ARGUMENT, default=None), "default of an object"),
        ("chat", offered(type="object", title="T", properties=ARGUMENT), "nested objects"),
        ("chat", offered(type="object", properties={"b": {"properties": ARGUMENT}}), "nested objects"),
        ("chat", user("x", tools=[tool("f", ARGUMENT, "d", title="T")]), "all parameters"),
        ("responses", responses(tools=[FUNCTION], tool_choice="required"), "tool_choice"),
        ("responses", responses("gpt-5-nano", tools=[FUNCTION], parallel_tool_calls=False), "parallel_tool_calls"),
        ("responses", responses(tools=[FUNCTION, FUNCTION]), "half the tokens"),
        ("responses", responses("gpt-5", tools=[FUNCTION]), "for this model"),
        ("responses", responses("gpt-4-turbo"), "Responses API"),
        ("responses", responses("gpt-5-nano", text=TEXT_SCHEMA), "response formats"),
        ("responses", responses(input=[CALLS[0], {**CALLS[1], "id": "fc_1"}, CALLS[2]]), "with an id"),
        ("responses", responses("gpt-5.6-sol", reasoning={"mode": "pro"}), "pro mode"),
    ],
)
def test_what_the_measurements_do_not_cover_is_an_estimate(
    protocol: str, request_body: dict[str, Any], reason: str
) -> None:
    count = count_prompt(request_body, protocol, plenty())
    assert count.certainty == "estimate"
    assert any(reason in note for note in count.notes)


@pytest.mark.parametrize(
    ("protocol", "request_body"),
    [
        ("chat", offered()),
        ("chat", offered(enum=["a"], default="a")),
        ("chat", user("x", tools=[{"function": {"name": "f", "description": "d", "parameters": 5}}])),
        ("chat", {"model": "gpt-4o", "messages": [*TURNS, {"role": "tool", "content": "e"}]}),
        ("responses", responses("gpt-5-nano", tools=[FUNCTION], tool_choice="auto", reasoning={"effort": "low"})),
        ("responses", responses(input=CALLS)),
    ],
)
def test_what_they_cover_is_exact(protocol: str, request_body: dict[str, Any]) -> None:
    assert count_prompt(request_body, protocol, plenty()).certainty == "exact"


def test_a_call_with_an_id_costs_more_in_the_responses_api() -> None:
    """Only a single one: parallel calls were recorded with and without."""

    def tokens(*calls: dict[str, Any]) -> int:
        results = [CALLS[2]] * len(calls)
        return count_prompt(responses(input=[CALLS[0], *calls, *results]), "responses", plenty()).tokens

    assert tokens({**CALLS[1], "id": "fc_1"}) == tokens(CALLS[1]) + 3
    assert tokens(*[{**CALLS[1], "id": "fc_1"}] * 2) == tokens(CALLS[1], CALLS[1])


def test_pro_mode_costs_several_times_the_prompt() -> None:
    """0xPlaygrounds/rig b75850e89949 (MIT): five_turn_metadata_roundtrip."""
    text = "Remember the codeword ALPHA-17. Reply exactly: ACK-1"
    request = responses("gpt-5.6-sol", input=text, reasoning={"effort": "low", "mode": "pro"})
    assert count_prompt(request, "responses", plenty()).tokens == 1568


@pytest.mark.parametrize(
    ("protocol", "request_body", "note"),
    [
        ("responses", responses(prompt={"id": "pmpt_1"}), "stored prompt"),
        ("chat", user("x", tools=TOOLS, tool_choice={"type": "function", "note": "x" * 300}), "tool_choice"),
        ("chat", user("x", tools=[tool("f", {"a": {"pattern": "x" * 300}})]), "pattern in a schema"),
        ("chat", user("x", tools=[{"function": {"name": "f", "description": 5}}]), "not a text"),
        (
            "chat",
            {"messages": [{"role": "assistant", "refusal": "No.", "tool_calls": TURNS[0]["tool_calls"]}]},
            "refusal",
        ),
    ],
)
def test_what_no_rule_counts_makes_a_count_a_lower_bound(
    protocol: str, request_body: dict[str, Any], note: str
) -> None:
    count = count_prompt(request_body, protocol, plenty())
    assert count.certainty == "at_least"
    assert any(note in one for one in count.notes)


def test_arguments_with_a_name_twice_are_counted_as_they_are() -> None:
    def tokens(arguments: str) -> int:
        call = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}
        return count_prompt({"model": "gpt-4o", "messages": [call]}, "chat", plenty()).tokens

    twice, once = '{"a": 1, "a": 1}', '{"a": 1}'
    assert tokens(twice) - tokens(once) == (
        vocabulary.count(twice, O200K, plenty()) - vocabulary.count('{"a":1}', O200K, plenty())
    )


def test_members_that_no_rule_knows_make_a_count_a_lower_bound() -> None:
    count = count_prompt(responses(context_management=[{"type": "compaction"}]), "responses", plenty())
    assert count.certainty == "at_least" and "context_management" in count.notes[0]
    assert count_prompt(user("x", reasoning={"effort": "low"}), "chat", plenty()).certainty == "at_least"


def test_a_title_and_a_description_of_all_parameters_cost_one_more_than_they_read() -> None:
    def tokens(**schema: Any) -> int:
        return count_prompt(user("x", tools=[tool("f", ARGUMENT, "d", **schema)]), "chat", plenty()).tokens

    comment = vocabulary.count("// T\n//\n// D\n", O200K, plenty())
    assert tokens(title="T", description="D") == tokens() + comment + 1


def test_the_first_models_with_tools_frame_calls_differently() -> None:
    def tokens(**call: Any) -> int:
        messages = [{"role": "assistant", **call}]
        return count_prompt({"model": "gpt-4-0613", "messages": messages}, "chat", plenty()).tokens

    function = {"name": "f", "arguments": "{}"}
    assert tokens(tool_calls=[{"function": function}]) == tokens(function_call=function) - 3


def test_a_response_format_is_apart_from_gpt_5s_system_message() -> None:
    system = {"role": "system", "content": "Be brief"}  # a line break after it would be a token

    def added(model: str, *messages: dict[str, Any]) -> int:
        plain = {"model": model, "messages": [*messages, {"role": "user", "content": "x"}]}
        both = [count_prompt(one, "chat", plenty()).tokens for one in ({**plain, "response_format": SCHEMA}, plain)]
        return both[0] - both[1]

    assert added("gpt-5", system) == added("gpt-5")
    assert added("gpt-4o", system) == added("gpt-4o") - 4 + 1
