"""`python -m tools.score_tokens [FILE...]`: compare our token counts with those of recorded requests.

It prints a row for each group of requests, and every count that was called exact and is wrong. "Elsewhere" is the share
of requests that are exact by rules that another repository confirms: each of their traits (a tool, a call, a schema …)
has an exact count there too, for the same API and family of models. The files are not part of this repository.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy import tokens
from proxy.protocols import registry
from proxy.protocols.answer_messages import answer_messages
from proxy.tokens import completion
from proxy.tokens.counter import Count
from proxy.tokens.models import model_of
from proxy.tokens.vocabulary import Budget

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "tokens"
FILES = (SHARED / "truth-open.jsonl", SHARED / "truth-open-2.jsonl")
CORE = ("text", "tools", "tool_history", "functions_legacy", "json_schema", "image_data")
_UNCOUNTED = ("audio_or_file", "builtin_tools")
# Models that OpenAI had shut down by 2026-11-26 (developers.openai.com/api/docs/deprecations).
_RETIRED = re.compile(
    r"gpt-3|gpt-4(?:-|$)|gpt-4\.5|gpt-4\.1-nano|gpt-4o-2024-05|gpt-4o.*audio-preview|o1|o3-mini|o4-mini"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A recorded request, its real number of tokens, and what we count for it.

    - `family`: models that share rules; `vendor`: openai, or other for everyone else's servers.
    - `traits`: what the request contains, as far as rules depend on it.
    """

    data: dict[str, Any]
    truth: int
    count: Count
    api: str
    vendor: str
    family: str
    traits: frozenset[str]

    @property
    def error(self) -> int:
        """How many tokens too many we count."""
        return self.count.tokens - self.truth

    @property
    def share(self) -> float:
        """The error as a share of the real number."""
        return abs(self.error) / self.truth


def rows(files: Iterable[Path] = FILES) -> list[Row]:
    """Every recorded prompt in `files`, counted."""
    return [_row(data) for data in _recorded(files)]


def answers(files: Iterable[Path] = FILES) -> list[tuple[str, int, int]]:
    """Every recorded answer of OpenAI's models: API, our count, real number without reasoning."""
    found = []
    for data in _recorded(files):
        output, used = data.get("output") or [], data["completion_tokens"]
        is_chat = data["api"] == "chat"
        left_out = used is None or data["category"] in _UNCOUNTED or (is_chat and len(output) != 1)
        if left_out or _vendor(data) != "openai":
            continue
        messages = answer_messages({"choices": output} if is_chat else {"output": output})
        truth = used - (data["reasoning_tokens"] or 0)
        if truth > 0 and any(message.get("content") or message.get("tool_calls") for message in messages):
            count = completion.count(data["request"], messages, _plenty(), None, data["api"])
            found.append((data["api"], count.tokens, truth))
    return found


def elsewhere(counted: list[Row]) -> list[bool]:
    """For each row, whether it is exact and another repository has an exact row with each of its traits."""
    repositories: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in counted:
        for trait in row.traits if not row.error else ():
            repositories[row.api, row.family, trait].add(row.data["repo"])
    return [
        not row.error and all(repositories[row.api, row.family, trait] - {row.data["repo"]} for trait in row.traits)
        for row in counted
    ]


def groups(counted: list[Row]) -> dict[str, list[int]]:
    """The groups of docs/tokens.md: their names, and the positions of their rows."""
    found: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(counted):
        if row.data["category"] not in CORE:
            continue
        if row.vendor == "other":
            name = model_of(row.data["request"].get("model"))
            kind = "tools" if "tools" in row.traits else "without tools"
            found["other | OpenAI's models" if name.openai else f"other | {kind}"].append(at)
            continue
        found[f"{row.api} | all"].append(at)
        found[f"{row.api} | {row.data['category']}"].append(at)
        found[f"{row.api} | {row.family}"].append(at)
        model = model_of(row.data["request"].get("model")).name
        found[f"{row.api} | {'retired' if _RETIRED.match(model) else 'live'}"].append(at)
    return dict(sorted(found.items()))


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", default=FILES)
    options = parser.parse_args(arguments)
    if not all(file.exists() for file in options.files):
        print("The recorded requests are not available here.")
        return 0
    counted = rows(options.files)
    confirmed = elsewhere(counted)
    print("| group | number | exact | elsewhere | within 1 | within 1 % | mean error |\n|---|---|---|---|---|---|---|")
    for name, positions in groups(counted).items():
        part = [counted[at] for at in positions]
        number = len(part)
        figures = (
            sum(not row.error for row in part),
            sum(confirmed[at] for at in positions),
            sum(abs(row.error) <= 1 for row in part),
            sum(row.share <= 0.01 for row in part),
        )
        shares = " | ".join(f"{figure / number:.1%}" for figure in figures)
        print(f"| {name} | {number} | {shares} | {sum(row.share for row in part) / number:.2%} |")
    for api in ("chat", "responses"):
        errors = [count - truth for name, count, truth in answers(options.files) if name == api]
        exact, near = sum(not error for error in errors), sum(abs(error) <= 1 for error in errors)
        print(f"answers, {api}: {len(errors)}, exact {exact / len(errors):.1%}, within 1 {near / len(errors):.1%}")
    certain = [row for row in counted if row.count.certainty == "exact"]
    wrong = [row for row in certain if row.error]
    print(f"called exact: {len(certain)}, wrong: {len(wrong)}")
    for row in wrong:
        kind = f"{row.api} {row.data['model']} {row.data['category']}"
        print(f"{row.error:+} of {row.truth}: {kind} {row.data['source']}")
    return 0


def _recorded(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _row(data: dict[str, Any]) -> Row:
    request, api = data["request"], data["api"]
    chat, budget = registry.get(api).as_chat(request), _plenty()
    count = tokens.count_texts(request, budget) if chat is None else tokens.count_prompt(*chat, budget, api)
    model = model_of(request.get("model"))
    family = "gpt-5" if model.gpt5 is not None else "o-series" if model.reasons else model.encoding
    if model.gpt5:
        family = "gpt-5.1 and later"
    traits = frozenset(_traits(request if chat is None else chat[0]))
    return Row(data, data["prompt_tokens"], count, api, _vendor(data), family, traits)


def _vendor(data: dict[str, Any]) -> str:
    return str(data.get("group", "openai"))


def _traits(chat: dict[str, Any]) -> Iterator[str]:
    yield "text"
    messages = [message for message in chat.get("messages") or [] if isinstance(message, dict)]
    calls = [len(message["tool_calls"]) for message in messages if message.get("tool_calls")]
    offered = json.dumps([chat.get("tools"), chat.get("functions")])
    named = {
        "tools": bool(chat.get("tools")),
        "functions": bool(chat.get("functions")),
        "tools with a system message": bool(chat.get("tools"))
        and bool(messages)
        and messages[0].get("role") in ("system", "developer"),
        "call": 1 in calls,
        "parallel calls": any(number > 1 for number in calls),
        "format": "json_schema" in json.dumps(chat.get("response_format")),
        "image": any("image" in json.dumps(message.get("content"))[:200_000] for message in messages),
        **{name: f'"{name}"' in offered for name in ("$ref", "anyOf", "enum", "array", "title", "default", "minimum")},
    }
    yield from (name for name, present in named.items() if present)
    choice = chat.get("tool_choice")
    if choice not in (None, "auto"):
        yield f"tool_choice {choice if isinstance(choice, str) else 'named'}"


def _plenty() -> Budget:
    return Budget(10**9, 60, time.monotonic)


if __name__ == "__main__":
    raise SystemExit(main())
