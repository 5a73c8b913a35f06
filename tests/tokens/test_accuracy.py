"""The accuracy of counting, measured on recorded requests with OpenAI's own counts."""

from __future__ import annotations

import json

import pytest

from proxy.tokens import completion
from tests.support.counting import counted, plenty
from tests.support.paths import SHARED

TRUTH = SHARED / "data" / "tokens" / "truth-open.jsonl"


CORE = {"text", "tools", "tool_history", "functions_legacy", "json_schema", "image_data"}


@pytest.mark.skipif(not TRUTH.exists(), reason="the recorded requests are not available")
def test_the_measured_accuracy_holds() -> None:
    errors: dict[str, list[int]] = {}
    shares = []
    certain = {"exact": 0, "wrong": 0}
    for line in TRUTH.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["category"] in CORE:
            count = counted(row["request"])
            error = count.tokens - row["prompt_tokens"]
            errors.setdefault(row["category"], []).append(error)
            shares.append(abs(error) / row["prompt_tokens"])
            if count.certainty == "exact":
                certain["exact" if not error else "wrong"] += 1
    every = [error for count in errors.values() for error in count]
    assert share(every, 0) >= 0.97
    assert share(every, 1) >= 0.98
    assert sum(shares) / len(shares) <= 0.002
    assert share(errors["text"], 0) >= 0.99
    assert certain["exact"] / (certain["exact"] + certain["wrong"]) >= 0.97


@pytest.mark.skipif(not TRUTH.exists(), reason="the recorded requests are not available")
def test_the_measured_accuracy_of_answers_holds() -> None:
    errors = []
    for line in TRUTH.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        left_out = row["category"] in ("audio_or_file", "builtin_tools")
        if left_out or len(row.get("output") or ()) != 1 or row["completion_tokens"] is None:
            continue
        seen = row["completion_tokens"] - row["reasoning_tokens"]
        if seen > 0:
            answer = completion.count(row["request"], [row["output"][0].get("message") or {}], plenty())
            errors.append(answer.tokens - seen)
    assert len(errors) > 800
    assert share(errors, 1) >= 0.94


def share(errors: list[int], within: int) -> float:
    return sum(abs(error) <= within for error in errors) / len(errors)
