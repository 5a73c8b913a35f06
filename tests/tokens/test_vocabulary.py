"""Vocabularies are tiktoken's, and no text can make counting take forever."""

from __future__ import annotations

import random
import string
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy import tokens
from proxy.errors import ConfigError, NotInstalled
from proxy.tokens import prompt, vocabulary
from proxy.tokens.models import CL100K, O200K, model_of
from proxy.tokens.vocabulary import Budget
from tests.support.counting import counted, plenty, user


@pytest.mark.parametrize(
    ("name", "plain", "encoding"),
    [
        ("gpt-4", "gpt-4", CL100K),
        ("gpt-4-turbo", "gpt-4-turbo", CL100K),
        ("gpt-35-turbo", "gpt-35-turbo", CL100K),
        ("text-embedding-3-small", "text-embedding-3-small", CL100K),
        ("gpt-4o", "gpt-4o", O200K),
        ("ft:gpt-4.1-mini:acme::x", "gpt-4.1-mini", O200K),
        ("ft:gpt-3.5-turbo-0125:acme", "gpt-3.5-turbo-0125", CL100K),
        ("openai/gpt-4o", "gpt-4o", O200K),
        ("openai/ft:gpt-4:x", "gpt-4", CL100K),
        ("codex-mini-latest", "codex-mini-latest", O200K),
        ("gpt-audio", "gpt-audio", O200K),
        ("deepseek-chat", "deepseek-chat", O200K),
        ("gpt-oss-120b", "gpt-oss-120b", O200K),
    ],
)
def test_a_model_s_name_selects_its_vocabulary(name: str, plain: str, encoding: str) -> None:
    count = model_of(name)
    assert (count.name, count.encoding) == (plain, encoding)


def test_patterns_and_hashes_are_tiktoken_s(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiktoken_ext import openai_public

    for name in (O200K, CL100K):
        asked: list[str] = []

        def note(address: str, expected_hash: str, asked: list[str] = asked) -> dict[bytes, int]:
            asked.append(expected_hash)
            return {}

        monkeypatch.setattr(openai_public, "load_tiktoken_bpe", note)
        reference = getattr(openai_public, name)()
        digest, pattern, special = vocabulary._FILES[name]
        assert [digest] == asked
        assert pattern == reference["pat_str"]
        assert special.items() <= reference["special_tokens"].items()
        assert vocabulary.load(name).n_vocab == max(reference["special_tokens"].values()) + 1


def test_special_tokens_count_as_text() -> None:
    assert vocabulary.count("<|endoftext|>", O200K, plenty()) > 1
    assert vocabulary.count("", O200K, plenty()) == 0
    assert vocabulary.count("half \ud83d of a character", O200K, plenty()) > 3


TEXTS = st.text(st.sampled_from("ab Z1,.\n\r\t你好，。é'\u0301😀"), max_size=400)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(20, 60))
def test_counting_in_chunks_is_exact_where_text_has_breaks(text: str, piece: int) -> None:
    whole = {name: len(vocabulary.load(name).encode_ordinary(text)) for name in (O200K, CL100K)}
    before = vocabulary.CHUNK
    try:
        vocabulary.CHUNK = piece
        for name, expected in whole.items():
            budget = plenty()
            count = vocabulary.count(text, name, budget)
            assert count == expected or (budget.seams and abs(count - expected) <= 2 * budget.seams)
    finally:
        vocabulary.CHUNK = before


@pytest.mark.parametrize(
    "text",
    [
        " " * 4_000_000,
        "\n" * 4_000_000,
        "a" * 4_000_000,
        "".join(random.Random(1).choices(string.ascii_letters, k=4_000_000)),
        "e" + "\u0301" * 2_000_000,
        "𠮷" * 1_000_000,
        "<|endoftext|>" * 300_000,
    ],
    ids=["spaces", "lines", "letter", "letters", "accents", "rare", "special"],
)
def test_no_text_takes_too_long_or_crashes_the_process(text: str) -> None:
    budget = tokens.budget(time.monotonic)
    started = time.monotonic()
    count = prompt.count(user(text), budget)
    assert time.monotonic() - started < 10
    assert count.certainty in ("exact", "estimate", "at_least") and count.tokens > 1000


def test_a_spent_budget_makes_the_count_a_lower_bound() -> None:
    count = prompt.count(user("word " * 1000), Budget(100, 60, time.monotonic))
    assert count.certainty == "at_least" and "too long" in count.notes[0]
    assert 10 < count.tokens < 40
    clock = iter(range(0, 1000, 10))
    slow = Budget(10**9, 35, lambda: next(clock))
    count = prompt.count(user("word " * 50_000), slow)
    assert count.certainty == "at_least" and 1_000 < count.tokens < 30_000
    assert not slow.allows()
    assert vocabulary.count("more", O200K, slow) == 0


def test_loading_a_vocabulary_is_not_charged_to_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, loading took longer than the budget, and only the first message was counted."""
    clock, load = [0.0], vocabulary.load

    @lru_cache
    def slow(name: str) -> Any:
        clock[0] += 30
        return load(name)

    monkeypatch.setattr(vocabulary, "load", slow)
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": "one"}] * 3}
    budget = tokens.budget(lambda: clock[0])
    first = prompt.count(request, budget)
    assert (first.tokens, first.certainty) == (counted(request).tokens, "exact")
    # Another model's vocabulary, in the middle of the same budget.
    assert budget.started is not None
    prompt.count({**request, "model": "gpt-3.5-turbo"}, budget)
    assert not budget.spent


def test_text_without_a_break_is_an_estimate() -> None:
    assert counted(user("x" * 100_000)).certainty == "estimate"


def test_a_damaged_or_missing_vocabulary_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    monkeypatch.setattr(vocabulary, "DATA", tmp_path)
    vocabulary.load.cache_clear()
    try:
        assert not tokens.installed()
        with pytest.raises(NotInstalled):
            vocabulary.load(O200K)
        (tmp_path / f"{O200K}.tiktoken.gz").write_bytes(gzip.compress(b"QQ== 0\n"))
        with pytest.raises(ConfigError, match="damaged"):
            vocabulary.load(O200K)
    finally:
        vocabulary.load.cache_clear()
