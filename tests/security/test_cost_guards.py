"""A limit on cost decides by the most that a call may cost: what nobody can bound does not go up."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.access.signed_keys import Key, mint
from proxy.call import Grant
from proxy.cost import multipliers, schema_size
from proxy.errors import ContextTooLong, NotInstalled
from proxy.tokens import images, prompt
from proxy.tokens.models import model_of
from proxy.tokens.vocabulary import Budget
from proxy.wire.json_window import UNIT
from proxy.wire.work import SLICE
from tests.support import slices
from tests.support.core import Listed, request, run
from tests.support.cost import CHAT, COMPLETIONS, COST, JSON, RESPONSES, send
from tests.support.slices import run as run_slices

LONG = "word " * 120_000  # 600 KB, 120,000 tokens


def chat(content: Any = "Hi", model: str = "gpt-4.1", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


def test_the_first_call_of_a_process_is_held_to_the_limit_too() -> None:
    from proxy.tokens import vocabulary

    for settings, code in ((COST, "cost_limit_exceeded"), ({"CONTEXT_GUARD": "reject"}, ContextTooLong.code)):
        vocabulary.load.cache_clear()
        model = "gpt-4.1" if settings is COST else "gpt-4"
        _, error, went_up = send(chat(LONG, model), settings)
        assert error is not None and error["code"] == code and went_up is None


def test_the_first_count_of_a_process_is_the_whole_one() -> None:
    """Loading the vocabulary is not charged to the first caller's count."""
    code = """
import json, sys
from tests.support.core import Listed, request, run
body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "word " * 620}]}
reply, _ = run(Listed(b""), request("/v1/chat/completions/input_tokens", json.dumps(body).encode()), settings={})
sys.stdout.write(reply.body.decode())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    told = json.loads(done.stdout)
    assert (told["input_tokens"], told["certainty"], told["input_tokens_upper_bound"]) == (628, "exact", 628)


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "custom", "custom": {"name": "c", "description": "x " * 3_000}}]},
        {"prediction": {"type": "content", "content": "x " * 3_000}},
        {"messages": [{"role": "user", "content": {"text": "x " * 3_000}}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"input": "x " * 3_000}}]}]},
    ],
)
def test_what_is_not_counted_is_not_called_exact(more: dict[str, Any]) -> None:
    reply, _ = run(
        Listed(b""), request("/v1/chat/completions/input_tokens", json.dumps(chat(**more)).encode()), settings={}
    )
    assert isinstance(reply.body, bytes)
    told = json.loads(reply.body)
    assert told["certainty"] == "at_least" or told["input_tokens"] >= 3_000
    assert told["input_tokens_upper_bound"] >= 3_000


def test_a_key_s_limit_holds_for_messages_too() -> None:
    held = {"ANTHROPIC_API_KEY": "sk-server", "SIGNING_SECRET": "s" * 32}
    key = mint(Key("a", "d03095", 4_000_000_000, Grant(max_output_tokens=30)), ["s" * 32])
    upstream = Listed(b"{}", headers=JSON)
    body = json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 900, "messages": []}).encode()
    run(upstream, request("/v1/messages", body, headers=(("authorization", f"Bearer {key}"),)), settings=held)
    assert json.loads(upstream.sent[0].body)["max_tokens"] == 30


def doubling(levels: int) -> dict[str, Any]:
    """A schema of a few bytes a level, whose rendering doubles with each."""
    defs: dict[str, Any] = {"a0": {"type": "string", "description": "x" * 100}}
    for level in range(1, levels):
        below = {"$ref": f"#/$defs/a{level - 1}"}
        defs[f"a{level}"] = {"anyOf": [below, below]}
    return {"type": "object", "properties": {"a": {"$ref": f"#/$defs/a{levels - 1}"}}, "$defs": defs}


def repeated(levels: int) -> dict[str, Any]:
    """The same by lists of types, each of which is told with all that is below."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": ["object", "object"], "properties": {"a": schema}}
    return schema


def crossed(levels: int) -> dict[str, Any]:
    """The same by properties."""
    defs = {
        f"a{n}": {"type": "object", "properties": {name: {"$ref": f"#/$defs/a{n + 1}"} for name in "abc"}}
        for n in range(levels)
    }
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/a0"}}, "$defs": defs}


def tool(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": schema, **more}}


@pytest.mark.parametrize("schema", [doubling(20), doubling(40), repeated(40), crossed(40), crossed(150)])
@pytest.mark.parametrize("path", [CHAT, f"{CHAT}/input_tokens", RESPONSES])
def test_a_schema_that_doubles_with_each_level_is_counted_at_a_bounded_cost(schema: dict[str, Any], path: str) -> None:
    asked = chat(tools=[tool(schema)])
    if path == RESPONSES:
        asked = {"model": "gpt-4.1", "input": "Hi", "tools": [{"type": "function", "name": "f", "parameters": schema}]}
    status, error, went_up = send(asked, path=path)
    if path.endswith("input_tokens"):
        assert status == 200
    else:
        assert error is not None and error["code"] == "cost_limit_exceeded" and went_up is None


def test_a_schema_that_leads_back_to_itself_is_honest_work() -> None:
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    status, _, went_up = send(chat(tools=[tool(tree)]), MAX_COST_USD="0.05")
    assert status == 200 and went_up is not None


def test_many_tools_are_never_fewer_than_none() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "description": "x " * 750}}}
    tools = [tool(schema, description="d " * 60) for _ in range(128)]
    upstream = Listed()
    reply, _ = run(upstream, request(f"{CHAT}/input_tokens", json.dumps(chat(tools=tools)).encode()))
    assert isinstance(reply.body, bytes)
    counted = json.loads(reply.body)
    assert 50_000 < counted["input_tokens"] <= counted["input_tokens_upper_bound"]
    _, error, went_up = send(chat(tools=tools))
    assert error is not None and went_up is None
    _, error, went_up = send(chat(tools=tools, model="gpt-4"), {"CONTEXT_GUARD": "reject"})
    assert error is not None and went_up is None


@pytest.mark.parametrize(
    ("given", "up"),
    [
        ({"model": "deepseek-chat", "max_completion_tokens": 1}, {"max_completion_tokens": 1, "max_tokens": 1}),
        ({"model": "deepseek-chat", "max_completion_tokens": 9000}, {"max_completion_tokens": 50, "max_tokens": 50}),
        ({"model": "deepseek-chat"}, {"max_tokens": 50}),
        ({"model": "gpt-5-mini"}, {"max_completion_tokens": 50}),
        ({"model": "gpt-4o", "max_tokens": 900}, {"max_tokens": 50}),
        ({"model": "fast"}, {"max_completion_tokens": 50}),
        ({"model": "cheap"}, {"max_tokens": 50}),
        ({"model": "gpt-4o"}, {"max_tokens": 50}),
    ],
)
def test_the_limit_stands_in_the_field_that_the_target_honours(given: dict[str, Any], up: dict[str, Any]) -> None:
    aliases = {"fast": "gpt-5-mini", "cheap": "mistral-small-latest"}
    if given == {"model": "gpt-4o"}:
        aliases["gpt-4o"] = "mistral-small-latest"
    upstreams = json.dumps([{"name": "a", "base_url": "https://a.example/v1", "aliases": aliases, "models": "*"}])
    _, _, went_up = send({**given, "messages": []}, {"MAX_OUTPUT_TOKENS": "50", "UPSTREAMS": upstreams})
    assert went_up is not None
    assert {name: value for name, value in went_up.items() if name.startswith("max_")} == up


def test_a_deployment_on_azure_takes_the_newer_name() -> None:
    azure = {"name": "az", "base_url": "https://r.openai.azure.com", "kind": "azure", "api_version": "2024-10-21"}
    _, _, went_up = send(
        {"model": "prod-gpt5", "messages": []}, {"MAX_OUTPUT_TOKENS": "50", "UPSTREAMS": json.dumps([azure])}
    )
    assert went_up is not None and went_up["max_completion_tokens"] == 50 and "max_tokens" not in went_up


@pytest.mark.parametrize(
    ("body", "path", "most"),
    [
        ({"model": "gpt-3.5-turbo-instruct", "prompt": ["a"] * 100, "max_tokens": 1000}, COMPLETIONS, 50),
        ({"model": "gpt-3.5-turbo-instruct", "prompt": ["a"] * 200, "max_tokens": 4000}, COMPLETIONS, 25),
        ({"model": "gpt-3.5-turbo-instruct", "prompt": [[1, 2]] * 200, "max_tokens": 4000}, COMPLETIONS, 25),
        (
            {"model": "gpt-3.5-turbo-instruct", "prompt": "a", "n": 1, "best_of": 20, "max_tokens": 4000},
            COMPLETIONS,
            250,
        ),
        (chat(n=100, max_tokens=1000), CHAT, 0),
    ],
)
def test_all_that_multiplies_answers_counts(body: dict[str, Any], path: str, most: int) -> None:
    """A cent buys 5,000 tokens of the one model and 1,250 of the other: less than 16 of each answer is a refusal."""
    _, _, went_up = send(body, path=path)
    assert (went_up["max_tokens"] if went_up else 0) <= most and bool(went_up) == bool(most)
    many = len(body["prompt"]) if isinstance(body.get("prompt"), list) else body.get("n", 1)
    _, _, went_up = send(body, {"MAX_OUTPUT_TOKENS": "10000"}, path)
    assert went_up is not None and went_up["max_tokens"] <= 10_000 // max(many, body.get("best_of", 1))


BIG = "x y z " * 100_000
# Each would cost more than a cent, or nobody knows what.
EVADING: dict[str, tuple[str, dict[str, Any]]] = {
    "a custom tool": (CHAT, chat(tools=[{"type": "custom", "custom": {"name": "c", "description": BIG}}])),
    "a custom tool's call": (
        CHAT,
        {
            "model": "gpt-4.1",
            "messages": [
                {"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"name": "c", "input": BIG}}]}
            ],
        },
    ),
    "a prediction": (CHAT, chat(prediction={"type": "content", "content": BIG})),
    "content that is an object": (CHAT, chat({"text": BIG})),
    "reasoning": (CHAT, {"model": "gpt-4.1", "messages": [{"role": "assistant", "reasoning_content": BIG}]}),
    "an unknown part": (CHAT, chat([{"type": "thing", "thing": {"deep": [BIG]}}])),
    "a file in the request": (
        CHAT,
        chat([{"type": "file", "file": {"file_data": "data:application/pdf;base64," + BIG}}]),
    ),
    "a file elsewhere": (CHAT, chat([{"type": "file", "file": {"file_id": "file-1"}}])),
    "a file at an address": (
        RESPONSES,
        {"model": "gpt-4.1", "input": [{"content": [{"type": "input_file", "file_url": "https://x.example/a.pdf"}]}]},
    ),
    "sound": (CHAT, chat([{"type": "input_audio", "input_audio": {"data": BIG, "format": "wav"}}])),
    "a video": (CHAT, chat([{"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}}])),
    "many images": (CHAT, chat([{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}] * 50)),
    "images by another name": (CHAT, chat([{"type": "input_image", "picture": "https://x.example/a.png"}] * 50)),
    "what a tool gave back": (
        RESPONSES,
        {"model": "gpt-4.1", "input": [{"type": "custom_tool_call_output", "output": BIG}]},
    ),
    "an unknown item": (RESPONSES, {"model": "gpt-4.1", "input": [{"type": "thing", "thing": BIG}]}),
    "instructions": (RESPONSES, {"model": "gpt-4.1", "input": "x", "instructions": [{"content": BIG}]}),
    "a stored conversation": (RESPONSES, {"model": "gpt-4.1", "input": "x", "previous_response_id": "resp_1"}),
    "a stored prompt": (RESPONSES, {"model": "gpt-4.1", "prompt": {"id": "pmpt_1"}}),
    "a suffix": (COMPLETIONS, {"model": "gpt-3.5-turbo-instruct", "prompt": "x", "suffix": BIG}),
    "a search": (RESPONSES, {"model": "gpt-4.1", "input": "x", "tools": [{"type": "web_search"}]}),
    "a search in a chat": (CHAT, chat(web_search_options={"search_context_size": "high"})),
    "a dearer tier": (CHAT, chat(service_tier="turbo")),
    "dearer models to fall back on": (CHAT, chat(models=["gpt-4.1", "o1-pro"], max_tokens=100)),
    "unknown models to fall back on": (CHAT, chat(models=["gpt-4.1", "nobody-knows"])),
    "very many models": (CHAT, chat(models=[f"gpt-4.1-{number}" for number in range(30)])),
    "spoken answers": (CHAT, chat(modalities=["text", "audio"], audio={"voice": "alloy", "format": "mp3"})),
    "an unknown multiplier": (CHAT, chat(num_return_sequences=50)),
    "an unknown number": (CHAT, chat(x_answers=50)),
    "a multiplier within options": (CHAT, chat(generation_config={"candidateCount": 50})),
    "a number that is a text": (CHAT, chat(x_answers="50")),
    "an unknown member of very many values": (CHAT, chat(x=[[]] * 2_000)),
    "a tool that nests others": (CHAT, chat(tools=[{"type": "namespace", "tools": [{"type": "code_interpreter"}]}])),
    "embeddings": ("/v1/embeddings", {"model": "text-embedding-3-large", "input": [BIG] * 2}),
}


@pytest.mark.parametrize("kind", EVADING)
def test_what_may_cost_more_does_not_go_up(kind: str) -> None:
    path, body = EVADING[kind]
    _, error, went_up = send(body, path=path)
    if went_up is not None:  # within the limit after all, with few tokens of an answer left
        assert kind == "dearer models to fall back on" and went_up["max_tokens"] <= 16
    else:
        assert error is not None and error["code"] == "cost_limit_exceeded"


@pytest.mark.parametrize(
    "path",
    ["images/generations", "images/edits", "audio/speech", "audio/transcriptions", "rerank", "responses/compact"],
)
def test_a_path_without_a_price_is_not_open_under_a_limit(path: str) -> None:
    for settings in (COST, {"MAX_OUTPUT_TOKENS": "100"}):
        status, error, went_up = send({"model": "gpt-4.1"}, settings, f"/v1/{path}")
        if path == "rerank" and settings is not COST:
            assert status == 200  # it writes nothing
        else:
            assert error is not None and (status, error["code"]) == (403, "path_not_allowed") and went_up is None


def test_a_limit_on_output_holds_on_every_path_that_it_does_not_refuse() -> None:
    held = {"OPENAI_API_KEY": "sk-server", "ALLOW_ANONYMOUS": "1", "ALLOW_PATHS": "*", "MAX_OUTPUT_TOKENS": "20"}
    claude = {**held, "ANTHROPIC_API_KEY": "sk-ant-server"}
    _, _, went_up = send({"model": "claude-sonnet-4-5", "max_tokens": 900, "messages": []}, claude, "/v1/messages")
    assert went_up is not None and went_up["max_tokens"] == 20
    for path, status in (("batches", 403), ("assistants", 403), ("evals", 403), ("files", 200), ("vector_stores", 200)):
        assert send({"input_file_id": None}, held, f"/v1/{path}")[0] == status


def test_what_was_stored_may_be_looked_at_under_a_limit() -> None:
    held = {"OPENAI_API_KEY": "sk-server", "ALLOW_ANONYMOUS": "1", "ALLOW_PATHS": "*", "MAX_OUTPUT_TOKENS": "20"}
    for method, status in (("GET", 200), ("POST", 403)):
        upstream = Listed(b"{}", headers=JSON)
        reply, _ = run(upstream, request("/v1/batches", b"", method=method), settings=held)
        assert (reply.status, len(upstream.sent)) == (status, status == 200)


def test_what_costs_nothing_is_open_under_every_limit() -> None:
    for path in ("responses/input_tokens", "messages/count_tokens", "moderations"):
        assert send({"model": "gpt-4.1", "input": LONG}, path=f"/v1/{path}")[0] == 200


def test_an_honest_image_costs_what_its_size_says() -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAAAgAAAAIA" + "A" * 400_000
    status, _, went_up = send(chat([{"type": "image_url", "image_url": {"url": picture}}]), MAX_COST_USD="0.02")
    assert status == 200 and went_up is not None


def test_the_message_names_the_field() -> None:
    for body, param in (
        (chat(provider={"sort": "price"}), None),
        (chat(web_search_options={}), "web_search_options"),
        (chat(web_search_options={"a": "b"}), "web_search_options"),
        (chat(x_answers=50), "x_answers"),
        (chat([{"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}}]), "url"),
        (chat(service_tier="turbo"), "service_tier"),
    ):
        _, error, went_up = send(body)
        if param is None:
            assert went_up is not None
        else:
            assert error is not None and error["param"] == param and param in error["message"]


def wav(seconds: float, rate: int = 8_000, told: int | None = None, tag: int = 1) -> str:
    """A recording of plain samples of one byte each."""
    data = b"\x80" * int(seconds * 8_000)
    numbers = [(tag, 2), (1, 2), (rate, 4), (rate if told is None else told, 4), (1, 2), (8, 2)]
    fmt = b"".join(number.to_bytes(size, "little") for number, size in numbers)
    head = b"RIFF" + (36 + len(data)).to_bytes(4, "little") + b"WAVEfmt " + b"\x10\0\0\0" + fmt
    return base64.b64encode(head + b"data" + len(data).to_bytes(4, "little") + data).decode()


def test_a_recording_costs_what_its_length_says(tmp_path: Path) -> None:
    def spoken(data: str) -> dict[str, Any]:
        sound = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
        return chat([sound], "gpt-4o-audio-preview", max_tokens=20)

    _, error, _ = send(spoken(wav(1)), {"MAX_COST_USD": "50"})
    assert error is not None and error["param"] == "input_audio"  # a price of sound is not in the table
    own = tmp_path / "prices.json"
    own.write_text('{"models": [{"match": ["gpt-4o-audio*"], "input": 2.5, "audio_input": 40, "output": 10}]}')
    limit = {"MAX_COST_USD": "0.05", "PRICES_FILE": str(own)}
    assert send(spoken(wav(10)), limit)[0] == 200
    for longer in (
        wav(10, rate=1),
        wav(10, told=1),
        wav(10, tag=2),
        wav(10, rate=0),
        "AAAA" * 30_000,
        "no base64" * 9_000,
    ):
        _, error, went_up = send(spoken(longer), limit)
        assert error is not None and error["code"] == "cost_limit_exceeded" and went_up is None


REFERRING = {"$ref": "#/" + "a/" * 150 + "a"}
DEAR_SCHEMAS: dict[str, list[Any]] = {
    "many small ones": [{"type": "object", "properties": {"a": {"type": "string"}}}] * 5_000,
    "a wide one": [{str(number): 1 for number in range(50_000)}],
    "long references": [{"properties": {str(number): REFERRING for number in range(5_000)}}],
    "a reference of slashes": [{"a": {"$ref": f"#/a{'/' * 1_000_000}b"}}],
}


@pytest.mark.parametrize("kind", DEAR_SCHEMAS)
def test_measuring_schemas_lets_others_have_their_turn(kind: str) -> None:
    asked = chat(tools=[tool(schema) for schema in DEAR_SCHEMAS[kind]])
    size, units = slices.run(schema_size.added_bytes(json.loads(json.dumps(asked))))
    assert size is not None and units and max(units) <= SLICE + len(json.dumps(asked)) // UNIT // len(asked["tools"])
    assert len(units) > 1 or kind == "a reference of slashes"


def test_members_that_are_not_known_are_looked_at_in_slices() -> None:
    name, units = slices.run(multipliers.unknown_multiplier({f"m{number}": [[]] * 900 for number in range(100)}, ()))
    assert name is None and len(units) > 10 and max(units) <= 2 * SLICE


@pytest.mark.parametrize("yields", ["multipliers", "grants"])
def test_looking_for_names_lets_others_have_their_turn(yields: str) -> None:
    asked = chat(x=[[0, 1]] * 3_000, logit_bias={str(number): 1 for number in range(5_000)})
    found, units = run_slices(multipliers.unknown_multiplier({**asked, "x": None}, ("max_tokens",)))
    assert found is None and units and max(units) <= SLICE
    if yields == "grants":
        held = {"OPENAI_API_KEY": "sk-server", "SIGNING_SECRET": "s" * 32}
        key = mint(Key("a", "d03095", 4_000_000_000, Grant(models=("gpt-*",))), ["s" * 32])
        upstream = Listed(b"{}", headers=JSON)
        headers = (("authorization", f"Bearer {key}"),)
        run(upstream, request(CHAT, json.dumps(asked).encode(), headers=headers), settings=held)
        assert upstream.sent


def test_a_cache_that_is_kept_for_an_hour_is_reckoned_with() -> None:
    body = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": "word " * 1_000}]}
    anthropic = {"OPENAI_BASE_URL": "https://api.anthropic.com/v1"}
    for limit, status in (("0.02", 400), ("0.04", 200)):  # 5,000 bytes at twice the price of input
        assert send(body, {"MAX_COST_USD": limit, **anthropic}, "/v1/messages")[0] == status


def test_embeddings_within_the_limit_are_counted_before_they_are_refused() -> None:
    body = {"model": "text-embedding-3-large", "input": "word " * 20_000}  # 100 KB, 20,000 tokens, $0.0026
    assert send(body, {"MAX_COST_USD": "0.005"}, "/v1/embeddings")[0] == 200
    assert send(body, {"MAX_COST_USD": "0.002"}, "/v1/embeddings")[0] == 400
    status, error, _ = send(body, {"CONTEXT_GUARD": "reject"}, "/v1/embeddings")
    assert error is not None and (status, error["code"]) == (400, ContextTooLong.code)
    assert send({**body, "input": ["word " * 2_000] * 10}, {"CONTEXT_GUARD": "reject"}, "/v1/embeddings")[0] == 200


def test_a_history_is_counted_as_a_whole_a_few_times_only() -> None:
    # Each turn alone is counted as more than it takes within the whole, so that the sum is wrong again and again.
    turns = [{"role": "user", "content": "word " * 40}, {"role": "assistant", "content": "ok"}] * 200
    last = [{"role": "user", "content": [{"type": "file", "file": {"file_data": "x" * 40_000}}]}]
    status, error, _ = send({"model": "gpt-4", "messages": turns + last}, {"CONTEXT_GUARD": "truncate"})
    assert error is not None and (status, error["code"]) == (400, ContextTooLong.code)


def test_images_have_the_tokens_that_their_model_takes() -> None:
    for model, most in (("gpt-4.1-mini", 2_490), ("gpt-4o", 1_445), ("gpt-5.4", None), ("other", None)):
        assert images.max_tokens(model_of(model)) == most


def test_texts_without_end_are_counted_until_the_budget_is_spent() -> None:
    budget = Budget(10**9, 60, lambda: 0.0, nodes=10)
    found = prompt.count_texts({"model": "gpt-3.5-turbo-instruct"}, ["word"] * 100, budget)
    assert found.certainty == "at_least" and found.tokens < 20


def test_a_deployment_that_cannot_count_bounds_by_bytes_and_refuses_what_it_would_have_to_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A Worker's bundle leaves out the files that count, and not the bound by bytes."""

    def missing() -> Any:
        raise NotInstalled

    monkeypatch.setattr("proxy.tokens._vocabulary", missing)
    assert send(chat("Hi", max_tokens=20))[0] == 200
    status, error, went_up = send(chat(LONG))
    assert (status, went_up) == (501, None) and error is not None and error["code"] == NotInstalled.code
