"""Which target a conversation goes to: the same in every turn and instance, whatever targets come and go."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.host import Host
from proxy.routing.order import SESSION_HEADERS, ranked
from proxy.upstream import Target
from tests.support.core import KEY, request
from tests.support.paths import ROOT
from tests.support.routing import SETTINGS, made, refusal, run
from tests.support.several import Several

POOL = [{"name": "pool", "base_url": "https://pool.example/v1", "keys": [f"k{n}" for n in range(8)]}]
JSON = ("content-type", "application/json")
SYSTEM = {"role": "system", "content": "You are terse."}
FIRST = {"role": "user", "content": "How tall is K2?"}
LATER = [{"role": "assistant", "content": "8,611 m"}, {"role": "user", "content": "And Everest?"}]
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
KEYS = st.lists(NAMES, min_size=2, max_size=12, unique=True)


def targets(keys: list[str]) -> list[Target]:
    return [Target("pool", "https://pool.example/v1", key, f"pool/{n + 1}") for n, key in enumerate(keys)]


def unlike(turn: int) -> Host:
    """An instance with a randomness of its own."""
    host = made()
    host.choose = lambda count: turn % count
    return host


def key_for(
    value: Any,
    path: str = "chat/completions",
    turn: int = 0,
    pool: Any = POOL,
    session: tuple[tuple[str, str], ...] = (),
) -> str:
    """The key that a request reaches, at an instance of its own."""
    upstream = Several()
    fields = (*KEY, JSON, *session)
    reply, _ = run(
        upstream, request(f"/v1/{path}", json.dumps(value).encode(), headers=fields), pool, SETTINGS, unlike(turn)
    )
    assert reply.status == 200
    return upstream.sent[0].target.key


@given(NAMES, KEYS, st.randoms())
def test_the_order_depends_on_the_conversation_and_the_keys_alone(name: str, keys: list[str], chance: Any) -> None:
    shuffled = [*keys]
    chance.shuffle(shuffled)
    order = [target.key for target in ranked(name, targets(keys))]
    assert order == [target.key for target in ranked(name, targets(shuffled))] and sorted(order) == sorted(keys)


@given(NAMES, KEYS, st.data())
def test_removing_a_target_moves_only_its_conversations(name: str, keys: list[str], data: st.DataObject) -> None:
    removed = data.draw(st.sampled_from(keys))
    before = [target.key for target in ranked(name, targets(keys))]
    after = [target.key for target in ranked(name, targets([key for key in keys if key != removed]))]
    assert after == [key for key in before if key != removed]


def test_conversations_are_spread_evenly_and_a_new_key_takes_only_its_share() -> None:
    keys = [f"sk-{n}" for n in range(4)]
    names = [f"session {n}" for n in range(4000)]
    before = {name: ranked(name, targets(keys))[0].key for name in names}
    assert all(850 < count < 1150 for count in Counter(before.values()).values())
    after = {name: ranked(name, targets([*keys, "sk-new"]))[0].key for name in names}
    moved = [name for name in names if after[name] != before[name]]
    assert 650 < len(moved) < 950 and {after[name] for name in moved} == {"sk-new"}


def test_another_process_comes_to_the_same_order() -> None:
    code = (
        "from proxy.routing.order import ranked\nfrom proxy.upstream import Target\n"
        "print([t.key for t in ranked('session x', [Target('p', 'u', f'k{n}') for n in range(9)])])"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {f"{[t.key for t in ranked('session x', [Target('p', 'u', f'k{n}') for n in range(9)])]}\n"}


TURNS: list[tuple[str, Any, Any, str]] = [
    (
        "messages that grow",
        {"model": "m", "messages": [SYSTEM, FIRST]},
        {"model": "m", "messages": [SYSTEM, FIRST, *LATER]},
        "chat/completions",
    ),
    (
        "a text that becomes parts, with marks for a cache",
        {"model": "m", "messages": [FIRST]},
        {
            "model": "m",
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": FIRST["content"], "cache_control": {"type": "ephemeral"}}],
                },
                *LATER,
            ],
        },
        "chat/completions",
    ),
    (
        "responses, first a text and then items",
        {"model": "m", "instructions": "Be terse.", "input": "How tall is K2?"},
        {
            "model": "m",
            "instructions": "Be terse.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "How tall is K2?"}]},
                {"type": "reasoning", "summary": []},
                *LATER,
            ],
        },
        "responses",
    ),
    (
        "Anthropic's messages",
        {"model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "Be terse."}], "messages": [FIRST]},
        {"model": "m", "max_tokens": 9, "system": "Be terse.", "messages": [FIRST, *LATER]},
        "messages",
    ),
    (
        "a text to complete",
        {"model": "m", "prompt": "Once upon a time " * 20},
        {"model": "m", "prompt": "Once upon a time " * 20 + "there was"},
        "completions",
    ),
    (
        "a cache key, whatever the messages are",
        {"model": "m", "prompt_cache_key": "c-1", "messages": [FIRST]},
        {"model": "m", "prompt_cache_key": "c-1", "messages": LATER},
        "chat/completions",
    ),
]


@pytest.mark.parametrize(("first", "later", "path"), [one[1:] for one in TURNS], ids=[one[0] for one in TURNS])
def test_the_turns_of_a_conversation_reach_one_key_whatever_the_instance(first: Any, later: Any, path: str) -> None:
    keys = {key_for(value, path, turn) for turn, value in enumerate([first, later, first, later, first])}
    assert len(keys) == 1


@given(st.lists(st.sampled_from([*LATER, {"role": "tool", "tool_call_id": "c", "content": "x"}]), max_size=6))
def test_whatever_is_added_later_changes_nothing(later: list[Any]) -> None:
    value = {"model": "m", "messages": [SYSTEM, FIRST]}
    assert key_for({**value, "messages": [SYSTEM, FIRST, *later]}, turn=len(later)) == key_for(value)


def spread(*values: Any, path: str = "chat/completions") -> int:
    return len({key_for(value, path) for value in values})


def test_other_conversations_go_elsewhere() -> None:
    def user(text: str) -> dict[str, str]:
        return {"role": "user", "content": text}

    assert spread(*({"model": "m", "messages": [SYSTEM, user(f"{n}")]} for n in range(20))) > 4
    assert spread(*({"model": "m", "messages": [{**SYSTEM, "content": f"{n}"}, FIRST]} for n in range(20))) > 4
    assert spread(*({"model": "m", "prompt_cache_key": f"{n}", "messages": [FIRST]} for n in range(20))) > 4
    assert spread(*({"model": "m", "input": f"{n}"} for n in range(20)), path="responses") > 4


@pytest.mark.parametrize("header", SESSION_HEADERS)
def test_a_session_that_an_agent_names_counts_before_the_text_and_behind_the_cache_key(header: str) -> None:
    values = [{"model": "m", "messages": [{"role": "user", "content": f"{n}"}]} for n in range(12)]
    assert len({key_for(value, turn=n, session=((header, "s-1"),)) for n, value in enumerate(values)}) == 1
    assert len({key_for(values[0], session=((header, f"s-{n}"),)) for n in range(20)}) > 4
    keyed = {**values[0], "prompt_cache_key": "c-1"}
    assert len({key_for(keyed, session=((header, f"s-{n}"),)) for n in range(12)}) == 1


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"model": "m"}, "chat/completions"),
        ({"model": "m", "messages": []}, "chat/completions"),
        ({"model": "m", "messages": "x"}, "responses"),
        ({"model": "m", "messages": ["x", 1, None, {"role": 5}, {"role": "user"}]}, "chat/completions"),
        ({"model": "m", "messages": [{"role": "user", "content": [1, {"type": "image_url"}]}]}, "chat/completions"),
        ({"model": "m", "prompt_cache_key": "", "messages": []}, "chat/completions"),
        ({"model": "m", "prompt_cache_key": 5, "messages": {"role": "user"}}, "chat/completions"),
        ({"model": "m", "input": "the same text"}, "embeddings"),
    ],
)
def test_a_call_of_no_conversation_goes_by_chance(value: Any, path: str) -> None:
    if value.get("messages") == "x":
        value = {"model": "m", "input": [3]}
    assert {key_for(value, path, turn) for turn in range(8)} == {f"k{n}" for n in range(8)}


def test_failover_takes_the_next_of_the_conversation_s_order_and_resting_keys_come_last() -> None:
    value = {"model": "m", "messages": [FIRST]}
    order = [target.key for target in ranked(f"text \0{FIRST['content']}", targets(POOL[0]["keys"]))]  # type: ignore[arg-type]
    host = unlike(3)
    upstream = Several({f"pool/{int(key[1:]) + 1}": refusal(429) for key in order[:2]})
    asked = request(body=json.dumps(value).encode(), headers=(*KEY, JSON))
    run(upstream, asked, POOL, SETTINGS, host)
    assert [sent.target.key for sent in upstream.sent] == order[:3]
    upstream.sent.clear()
    run(upstream, request(body=json.dumps(value).encode(), headers=(*KEY, JSON)), POOL, SETTINGS, host)
    assert [sent.target.key for sent in upstream.sent] == [order[2]]


def test_a_priority_comes_before_the_conversation() -> None:
    pool = [{**POOL[0], "priority": 1}, {"name": "first", "base_url": "https://first.example/v1", "keys": ["f1", "f2"]}]
    keys = {key_for({"model": "m", "messages": [{"role": "user", "content": f"{n}"}]}, pool=pool) for n in range(12)}
    assert keys == {"f1", "f2"}


def test_the_log_shows_nothing_of_it() -> None:
    lines: list[str] = []
    body = b'{"model":"m","prompt_cache_key":"secret-cache"}'
    asked = request(body=body, headers=(*KEY, JSON, ("session-id", "secret-session")))
    pool = [{**POOL[0], "keys": ["secret-1", "secret-2"]}]
    run(Several(), asked, pool, SETTINGS, made(lines))
    assert lines and not any("secret" in line for line in lines)
