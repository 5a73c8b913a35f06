"""What passes a control means the same to every reader: this one, Python's, those that take the first or the last of
two members, those without regard to case, and those that take a body for a form.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy import startup
from proxy.access.signed_keys import Key, mint
from proxy.call import Grant
from tests.support.core import Listed, error_of, request, run
from tests.support.paths import SHARED

JSON = (("content-type", "application/json"),)
SECRET = "s" * 32
DATA = SHARED / "data"
# What decides something, in spellings that some reader takes for it.
NAMES = st.sampled_from(
    [
        *["model"] * 6,
        *("model", "models", "Model", "MODEL", "mod\u00e9l", "model\u0000", "model ", "fallbacks", "max_tokens"),
        *("Max_Tokens", "max_to\u212aens", "max_completion_tokens", "n", "N", "messages", "stream", "\u017ftream", "x"),
        *("temperature", "user", "y", "z", "x" * 200, "metadata", "seed", "top_p", "stop"),
    ]
)
MODELS = st.sampled_from(["cheap", "dear", "cheap\u0000", "Cheap"])
MANY = "m" * 300
VALUES = st.one_of(
    *[MODELS] * 3,
    st.sampled_from([1, 100, 30_000, True, None, 1.0, -1]),
    st.lists(MODELS, max_size=2),
    st.dictionaries(NAMES, MODELS, max_size=2),
    st.sampled_from(["&model=dear&max_tokens=30000&prompt=x", "forbidden", "", MANY, "[[[]]]", "\U0001f600"]),
)
# Most of all what an honest caller sends, or nothing would be let in and nothing shown.
ENDS = st.sampled_from([*[""] * 12, " ", "\n", "\ufeff", "x", "{}", ",", "\x0b"])
TYPES = st.sampled_from(
    [
        *["application/json"] * 12,
        *("application/json", "application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-16"),
        *("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "text/json", ""),
        *("application/json, text/plain", "application/json; boundary=x", "application/vnd.api+json"),
    ]
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Objects with members twice, in other cases, escaped, with what does not belong before and after."""
    members = ['"model":"cheap"'] if draw(st.integers(0, 4)) else []
    for name, value in draw(st.lists(st.tuples(NAMES, VALUES), max_size=3)):
        spelled = json.dumps(name, ensure_ascii=draw(st.booleans()))
        if draw(st.integers(0, 9)) == 0:
            spelled = '"' + "".join(f"\\u{ord(char):04x}" for char in name) + '"'
        members.append(f"{spelled}:{json.dumps(value)}")
    members = draw(st.permutations(members))
    text = f"{draw(ENDS)}{{{','.join(members)}}}{draw(ENDS)}"
    return text.encode(draw(st.sampled_from([*["utf-8"] * 12, "utf-16", "latin-1"])), "replace")


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


FORM_KEY = minted(models=("cheap",))
KEY = minted(models=("cheap",), max_output_tokens=100)
HELD = {"OPENAI_API_KEY": "sk-server", "SIGNING_SECRET": SECRET, "MODERATION": "words"}
FILTER = {**HELD, "MODERATION_WORDS": "forbidden", "MODERATION_INPUT": "1", "MODERATION_OUTPUT": "0"}


def test_what_goes_up_means_the_same_to_every_reader() -> None:
    went_up = 0

    @settings(deadline=None, max_examples=600)
    @given(bodies(), TYPES, st.sampled_from(["chat/completions", "responses", "completions"]))
    def holds(body: bytes, kind: str, path: str) -> None:
        nonlocal went_up
        went_up += means_the_same(body, kind, path)

    holds()
    assert went_up >= 40


def means_the_same(body: bytes, kind: str, path: str) -> bool:
    """Whether the body went up; if so, all readers find the same in it."""
    upstream = Listed(b"{}", headers=JSON)
    typed = (("authorization", f"Bearer {KEY}"), *((("content-type", kind),) if kind else ()))
    reply, _ = run(upstream, request(f"/v1/{path}", body, headers=typed), settings=FILTER)
    if not upstream.sent:
        assert reply.status in (400, 403, 415) and error_of(reply)["message"]
        return False
    sent = upstream.sent[0]
    assert dict(sent.headers)["content-type"].lower().startswith("application/json")
    for reader in (last_wins, first_wins, folded, cut):
        found: Any = json.loads(sent.body, object_pairs_hook=reader)
        assert found["model"] == "cheap"
        others = [value for name, value in found.items() if "model" in name and name != "model"]
        assert "dear" not in json.dumps(others) and "Cheap" not in json.dumps(others), found
        limits = [value for name, value in found.items() if name.startswith("max_")]
        assert limits and all(value <= 100 for value in limits if isinstance(value, (int, float)))
        assert found.get("n", 1) in (None, 1, 100)
        found.pop("user", None)  # an id, which no model reads
        assert "forbidden" not in json.dumps(found)
    return True


DISPOSITIONS = st.sampled_from(
    [
        *['form-data; name="{}"'] * 6,
        *(
            "form-data; name={}",
            'form-data; name="{}"; filename="a"',
            "form-data; name*=utf-8''{}",
            'attachment; name="{}"',
        ),
        *('form-data; a="\\"; name=x; z="; name={}; w="', 'form-data; name="x"; name="{}"', 'form-data;name="{}" ;'),
        *('form-data; name="x"; filename="\\"; name="{}"', 'form-data; NAME="{}"', 'form-data; name="{} "'),
    ]
)
FIELDS = st.sampled_from(["model", "model", "model", "file", "prompt", "y", "Model", "model[]", "mod+AGU-l", "x"])
LINE_ENDS = st.sampled_from([*["\r\n"] * 30, "\n", "\r"])
FORM_TYPES = st.sampled_from(
    [
        *["multipart/form-data; boundary=b"] * 12,
        *("multipart/form-data; boundary=b; charset=utf-7", 'multipart/form-data; boundary="b"'),
        *("multipart/form-data; boundary=c; boundary=b", "multipart/mixed; boundary=b"),
    ]
)


@st.composite
def forms(draw: st.DrawFn) -> bytes:
    text = draw(st.sampled_from([*[""] * 12, "preamble\r\n", '{"model":"dear"}\r\n']))
    names = ["model", *draw(st.lists(FIELDS, max_size=1))] if draw(st.integers(0, 4)) else draw(st.lists(FIELDS))
    for number, name in enumerate(names):
        line = draw(LINE_ENDS)
        value = "cheap" if number == 0 else draw(st.sampled_from([*["dear"] * 4, "cheap", "forbidden", "--b", ""]))
        head = f"Content-Disposition: {draw(DISPOSITIONS).format(name)}"
        text += f"--b{line}{head}{line}{line}{value}{draw(LINE_ENDS)}"
    return (text + draw(st.sampled_from([*["--b--\r\n"] * 8, "--b--", "--b", "--b--\r\nx"]))).encode()


def by_standard_library(kind: str, data: bytes) -> list[tuple[str, str]]:
    """Every field's name and text, as Python's own reader finds them."""
    message = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + data, policy=email.policy.HTTP)
    parts = message.iter_parts() if message.is_multipart() else ()
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            cast("bytes", part.get_payload(decode=True)).decode(),
        )
        for part in parts
    ]


def by_pieces(data: bytes) -> list[tuple[str, str]]:
    """The same, as a reader that splits at boundaries and takes whatever looks like a name."""
    found = []
    for piece in data.replace(b"\r\n", b"\n").split(b"--b")[1:]:
        head, _, text = piece.partition(b"\n\n")
        found += [
            (name, text.decode().strip()) for name in re.findall(r'name="?([^";]*)"?', head.decode(), re.IGNORECASE)
        ]
    return found


def test_a_form_that_goes_up_means_the_same_to_every_reader() -> None:
    went_up = 0

    @settings(deadline=None, max_examples=600)
    @given(forms(), FORM_TYPES)
    def holds(body: bytes, kind: str) -> None:
        nonlocal went_up
        upstream = Listed(b"{}", headers=JSON)
        asked = request(
            "/v1/images/edits", body, headers=(("authorization", f"Bearer {FORM_KEY}"), ("content-type", kind))
        )
        reply, _ = run(upstream, asked, settings=FILTER)
        if not upstream.sent:
            assert reply.status in (400, 403, 415) and error_of(reply)["message"]
            return
        went_up += 1
        for fields in (by_standard_library(kind, upstream.sent[0].body), by_pieces(upstream.sent[0].body)):
            models = [text for name, text in fields if name.casefold().strip("[] ") == "model"]
            assert models and set(models) == {"cheap"}, fields
            assert not any("forbidden" in text for name, text in fields if name != "file"), fields

    holds()
    assert went_up >= 40


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


# How often what is refused stands in the recordings, and no more than that: stored files, answers and conversations,
# and with every control on the provider's own tools, addresses, and limits in the words of other APIs.
STORED = {"vector_store_ids": 2, "previous_response_id": 2, "conversation": 1}
UNPRICED = {"tools": 15, "generation_config": 2, "max_tokens_to_sample": 1, "web_search_options": 1, "file_url": 1}
PRICE = {"match": ["*"], "input": 1, "output": 1, "audio_input": 1, "audio_output": 1, "context_window": 2_000_000}
UPSTREAMS = [
    {"name": "first", "base_url": "https://api.openai.com/v1", "keys": "sk-first", "models": ["*"]},
    {"name": "second", "base_url": "https://b.test/v1", "keys": "sk-second", "models": ["*"], "priority": 2},
    {
        "name": "third",
        "base_url": "https://c.test/v1",
        "keys": "sk-third",
        "aliases": {"gpt-4o": "other"},
        "priority": 3,
    },
]
ALL = {
    "MAX_COST_USD": "1000",
    "MAX_OUTPUT_TOKENS": "1000000",
    "CONTEXT_GUARD": "reject",
    "MODERATION": "words",
    "MODERATION_WORDS": "a word that nobody says",
    "MODERATION_INPUT": "1",
    "MODERATION_OUTPUT": "1",
    "METERING": "on",
    "SIGNING_SECRET": SECRET,
    "UPSTREAMS": json.dumps(UPSTREAMS),
}


def refusals(key: str, settings_of: dict[str, str]) -> tuple[int, Counter[str]]:
    """How many recorded requests there are, and what of them was refused: codes and members."""
    found: Counter[str] = Counter()
    recorded = list(requests())
    for _, path, asked in recorded:
        caller = (("authorization", f"Bearer {key}"),)
        reply, _ = run(
            Listed(b"{}", headers=JSON),
            request(f"/v1/{path}", json.dumps(asked).encode(), headers=caller),
            settings=settings_of,
        )
        if reply.status != 200:
            error = error_of(reply)
            found[f"{error['code']} {error['param']}"] += 1
    return len(recorded), found


@pytest.mark.skipif(not DATA.exists(), reason="the recorded requests are not beside this checkout")
def test_no_honest_request_is_refused_with_every_control_on(tmp_path: Path) -> None:
    stored = {f"reference_not_allowed {name}": count for name, count in STORED.items()}
    count, found = refusals(minted(), {"OPENAI_API_KEY": "sk-server", "SIGNING_SECRET": SECRET})
    assert count > 2_000 and found == stored
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"models": [PRICE]}))
    limited = minted(models=("*",), max_output_tokens=1_000_000)
    count, found = refusals(limited, {**ALL, "PRICES_FILE": str(prices)})
    assert found == {**stored, **{f"cost_limit_exceeded {name}": count for name, count in UNPRICED.items()}}


def test_names_have_a_limit_before_they_meet_a_cache() -> None:
    from proxy.cost import prices
    from proxy.tokens import models

    for lru in (prices.find, models._model_of):
        lru.cache_clear()
    loaded = {"METERING": "on", "MAX_COST_USD": "1", "CONTEXT_GUARD": "reject"}
    startup.load(loaded)
    for path in ("chat/completions", "chat/completions/input_tokens", "responses"):
        body = json.dumps({"model": "m" * 1_000_000, "messages": [], "input": "x"}).encode()
        reply, _ = run(Listed(b"{}", headers=JSON), request(f"/v1/{path}", body), settings=loaded)
        assert reply.status == 400 and error_of(reply)["param"] == "model"
    reply, _ = run(Listed(b"{}", headers=JSON), request(body=body), settings={"METERING": "on"})
    assert reply.status == 200  # nothing is decided by it
    assert prices.find.cache_info().currsize == 0 and models._model_of.cache_info().currsize <= 1
