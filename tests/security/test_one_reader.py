"""What passes a control means the same to every reader: this one, Python's, those that take the first or the last of
two members, those without regard to case, and those that take a body for a form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy import config
from proxy.auth import Grant
from proxy.minted import Key, mint
from tests.support.core import Listed, error_of, request, run

JSON = (("content-type", "application/json"),)
SECRET = "s" * 32
DATA = Path(__file__).parents[3] / "shared" / "data"
# What decides something, in spellings that some reader takes for it.
NAMES = st.sampled_from(
    [
        *("model", "models", "Model", "MODEL", "mod\u00e9l", "model\u0000", "model ", "fallbacks", "max_tokens"),
        *("Max_Tokens", "max_to\u212aens", "max_completion_tokens", "n", "N", "messages", "stream", "\u017ftream", "x"),
    ]
)
MODELS = st.sampled_from(["cheap", "dear", "cheap\u0000", "Cheap"])
VALUES = st.one_of(
    MODELS,
    st.sampled_from([1, 100, 30_000, True, None, 1.0, -1]),
    st.lists(MODELS, max_size=2),
    st.dictionaries(NAMES, MODELS, max_size=2),
    st.sampled_from(["&model=dear&max_tokens=30000&prompt=forbidden", "forbidden"]),
)
ENDS = st.sampled_from(["", " ", "\n", "\ufeff", "x", "{}", ",", "\x0b"])
TYPES = st.sampled_from(
    [
        *("application/json", "application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-16"),
        *("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "text/json", ""),
        *("application/json, text/plain", "application/json; boundary=x", "application/vnd.api+json"),
    ]
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Objects with members twice, in other cases, escaped, with what does not belong before and after."""
    members = []
    for name, value in draw(st.lists(st.tuples(NAMES, VALUES), max_size=5)):
        spelled = json.dumps(name, ensure_ascii=draw(st.booleans()))
        if draw(st.integers(0, 5)) == 0:
            spelled = '"' + "".join(f"\\u{ord(char):04x}" for char in name) + '"'
        members.append(f"{spelled}:{json.dumps(value)}")
    text = f"{draw(ENDS)}{{{','.join(members)}}}{draw(ENDS)}"
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "latin-1"])), "replace")


def last_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(pairs)


def first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def folded(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As Go's encoding/json finds the field of a struct."""
    return {name.casefold(): value for name, value in pairs}


def cut(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As a reader whose strings end with a NUL."""
    return {name.partition("\0")[0].strip(): value for name, value in pairs}


def minted(**limits: Any) -> str:
    return mint(Key("a", "d03095", 4_000_000_000, Grant(**limits)), [SECRET])


KEY = minted(models=("cheap",), max_output_tokens=100)
HELD = {"OPENAI_API_KEY": "sk-server", "SIGNING_SECRET": SECRET, "MODERATION": "words"}
FILTER = {**HELD, "MODERATION_WORDS": "forbidden", "MODERATION_INPUT": "1", "MODERATION_OUTPUT": "0"}


@settings(deadline=None, max_examples=300)
@given(bodies(), TYPES, st.sampled_from(["chat/completions", "responses", "completions"]))
def test_what_goes_up_means_the_same_to_every_reader(body: bytes, kind: str, path: str) -> None:
    upstream = Listed(b"{}", headers=JSON)
    typed = (("authorization", f"Bearer {KEY}"), *((("content-type", kind),) if kind else ()))
    reply, _ = run(upstream, request(f"/v1/{path}", body, headers=typed), settings=FILTER)
    if not upstream.sent:
        assert reply.status in (400, 403, 415) and error_of(reply)["message"]
        return
    sent = upstream.sent[0]
    assert dict(sent.headers)["content-type"].lower().startswith("application/json")
    for reader in (last_wins, first_wins, folded, cut):
        found = json.loads(sent.body, object_pairs_hook=reader)
        assert found["model"] == "cheap"
        assert not any("model" in name and name != "model" for name in found), found
        limits = [value for name, value in found.items() if name.startswith("max_")]
        assert limits and all(value <= 100 for value in limits if value is not None)
        assert found.get("n", 1) in (None, 1, 100)
        assert "forbidden" not in json.dumps(found)
    as_form = parse_qs(sent.body.decode("utf-8", "replace"))
    assert "dear" not in as_form.get("model", []) or "forbidden" in sent.body.decode()


def requests() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where it is from, its path and a request that real programs have sent."""
    for file in sorted((DATA / "streams").glob("*.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        asked = found.get("request", found)
        asked = asked.get("body", asked) if isinstance(asked, dict) else None
        if isinstance(asked, dict) and "model" in asked:
            path = "responses" if "input" in asked else "completions" if "prompt" in asked else "chat/completions"
            yield file.name, path, asked
    for file in sorted((DATA / "tokens").glob("truth-*.jsonl")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
            asked = json.loads(line)["request"]
            yield f"{file.name}:{number}", "responses" if "input" in asked else "chat/completions", asked


# What a limit on cost must refuse, whoever asks: the provider's own tools, what is stored or lies elsewhere, prices
# that nobody knows, limits in the words of other APIs.
REFUSED = frozenset(
    "model tools plugins web_search_options previous_response_id conversation prompt file_id url file_url "
    "image_url file_data modalities input_audio vector_store_ids generation_config max_tokens_to_sample".split()
)
ALL = {
    "MAX_COST_USD": "1000",
    "MAX_OUTPUT_TOKENS": "1000000",
    "CONTEXT_GUARD": "reject",
    "MODERATION": "words",
    "MODERATION_WORDS": "a word that nobody says",
    "MODERATION_INPUT": "1",
    "METERING": "on",
}


@pytest.mark.skipif(not DATA.exists(), reason="the recorded requests are not beside this checkout")
def test_no_honest_request_is_refused_with_every_control_on() -> None:
    open_key, limited_key = minted(), minted(models=("*",), max_output_tokens=1_000_000)
    held = {"OPENAI_API_KEY": "sk-server", "SIGNING_SECRET": SECRET}
    refusals: dict[str, list[str]] = {}
    count = 0
    for name, path, asked in requests():
        count += 1
        for key, settings_of, allowed in (
            (open_key, held, {"previous_response_id", "conversation", "vector_store_ids", "file_id", "tools"}),
            (limited_key, {**held, **ALL}, REFUSED),
        ):
            body, anybody = json.dumps(asked).encode(), (("authorization", f"Bearer {key}"),)
            reply, _ = run(
                Listed(b"{}", headers=JSON), request(f"/v1/{path}", body, headers=anybody), settings=settings_of
            )
            if reply.status != 200:
                error = error_of(reply)
                param = str(error["param"])
                known = error["code"] in ("reference_not_allowed", "cost_limit_exceeded") and param in allowed
                if not known:
                    refusals.setdefault(f"{error['code']} {param}", []).append(name)
    assert count > 2_000
    assert refusals == {}


def test_names_have_a_limit_before_they_meet_a_cache() -> None:
    from proxy import prices
    from proxy.tokens import models

    for lru in (prices.find, models._model_of):
        lru.cache_clear()
    loaded = {"METERING": "on", "MAX_COST_USD": "1", "CONTEXT_GUARD": "reject"}
    config.load(loaded)
    for path in ("chat/completions", "chat/completions/input_tokens", "responses"):
        body = json.dumps({"model": "m" * 1_000_000, "messages": [], "input": "x"}).encode()
        reply, _ = run(Listed(b"{}", headers=JSON), request(f"/v1/{path}", body), settings=loaded)
        assert reply.status == 400 and error_of(reply)["param"] == "model"
    reply, _ = run(Listed(b"{}", headers=JSON), request(body=body), settings={"METERING": "on"})
    assert reply.status == 200  # nothing is decided by it
    assert prices.find.cache_info().currsize == 0 and models._model_of.cache_info().currsize <= 1
