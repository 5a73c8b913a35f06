"""The accuracy of counting, measured on recorded requests with the providers' own counts (see docs/tokens.md)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pytest

from proxy.tokens.models import model_of
from tools import score_tokens
from tools.score_tokens import Row

pytestmark = pytest.mark.skipif(
    not all(file.exists() for file in score_tokens.FILES), reason="the recorded requests are not available"
)


@lru_cache(maxsize=1)
def core() -> list[Row]:
    return [row for row in score_tokens.rows() if row.data["category"] in score_tokens.CORE]


def openai(api: str, fits: Callable[[Row], bool] = lambda _: True) -> list[Row]:
    return [row for row in core() if row.vendor == "openai" and row.api == api and fits(row)]


def exact(part: list[Row]) -> float:
    return sum(not row.error for row in part) / len(part)


def mean(part: list[Row]) -> float:
    return sum(row.share for row in part) / len(part)


def test_chat_requests_are_counted_as_openai_counts_them() -> None:
    chat = openai("chat")
    assert exact(chat) >= 0.97
    assert sum(row.share <= 0.01 for row in chat) / len(chat) >= 0.99
    assert mean(chat) <= 0.001
    assert exact(openai("chat", lambda row: row.data["category"] == "text")) >= 0.99
    assert exact(openai("chat", lambda row: row.family.startswith("gpt-5"))) >= 0.94


def test_responses_requests_are_counted_as_openai_counts_them() -> None:
    part = openai("responses")
    assert exact(part) >= 0.89
    # On one day in 2025 the API reported half of the tokens of requests that made it call two functions.
    usual = [row for row in part if abs(row.error - row.truth) > 4]
    assert len(part) - len(usual) <= 6
    assert mean(usual) <= 0.003


def test_chat_rules_hold_in_repositories_that_did_not_suggest_them() -> None:
    chat = openai("chat")
    confirmed = score_tokens.elsewhere(chat)
    assert sum(confirmed) / len(chat) >= 0.93


def test_what_is_called_exact_is() -> None:
    certain = [row for row in score_tokens.rows() if row.count.certainty == "exact"]
    assert len(certain) >= 1_400
    assert sum(bool(row.error) for row in certain) / len(certain) <= 0.005
    assert max(row.share for row in certain) <= 0.01


def test_other_makers_models_are_estimated() -> None:
    part = [row for row in core() if not model_of(row.data["request"].get("model")).openai]
    assert {row.count.certainty for row in part} <= {"estimate", "at_least"}
    # 46 % before their own templates were considered, 62 % with tools.
    assert mean(part) <= 0.15
    assert mean([row for row in part if "tools" in row.traits]) <= 0.12


def test_answers_are_counted_to_within_a_token() -> None:
    errors = [count - truth for api, count, truth in score_tokens.answers() if api == "chat"]
    assert len(errors) > 1_200
    assert sum(not error for error in errors) / len(errors) >= 0.76
    assert sum(abs(error) <= 1 for error in errors) / len(errors) >= 0.95
