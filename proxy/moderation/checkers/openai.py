"""OpenAI's /moderations, or a relative's that speaks the same: one call takes many texts.

What it takes and gives: platform.openai.com/docs/api-reference/moderations.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from proxy.call import Call
from proxy.errors import ConfigError
from proxy.moderation import service_call
from proxy.moderation.verdict import BLOCK, PASS, REVIEW, Failed, Text, Verdict, gravest
from proxy.settings.config import Config
from proxy.settings.providers import DEFAULT
from proxy.upstream import Target

# Short, so that one passage does not drown in a long text.
PIECE_LENGTH = 2_000
_PIECES_MOST = 32
# What is not flagged but has a category above this counts as doubtful, which the level high blocks.
REVIEW_SCORE = 0.3


def ready(config: Config) -> None:
    """As Moderator.ready."""
    base_url, keys = _own(config)
    elsewhere = config.moderation_openai_base_url not in (None, base_url)
    if config.moderation_openai_key or (keys and not elsewhere):
        return
    why = (
        "another server than OPENAI_BASE_URL must not get its key"
        if elsewhere
        else "the server holds no key of its own for OPENAI_BASE_URL"
    )
    raise ConfigError(
        f"MODERATION_OPENAI_KEY must be set for MODERATION to name openai, because {why}.",
        param="MODERATION_OPENAI_KEY",
    )


async def check(call: Call, texts: Sequence[Text]) -> Verdict:
    """As Moderator.check."""
    config = call.config
    base_url, own_keys = _own(config)
    keys = config.moderation_openai_key or own_keys
    key = keys[call.host.choose(len(keys))] if len(keys) > 1 else keys[0]
    target = Target("moderation", config.moderation_openai_base_url or base_url, key)
    pieces = service_call.pieces(texts, PIECE_LENGTH)
    verdicts: list[Verdict] = []
    while some := list(islice(pieces, _PIECES_MOST)):
        body = json.dumps({"model": config.moderation_openai_model, "input": some}).encode()
        found = await service_call.ask(call, target, "moderations", [], body)
        verdicts += _verdicts(found, len(some))
        if any(verdict.says == BLOCK for verdict in verdicts):
            break
    return gravest(verdicts)


def _own(config: Config) -> tuple[str, tuple[str, ...]]:
    """Where the server asks by itself, and with which keys: both of one upstream, whose keys no other one may get.

    OPENAI_API_KEY alone may hold another vendor's keys as well, those that begin with fk.
    """
    default = next((one for one in config.providers if one.name == DEFAULT), None)
    return (config.openai_base_url, ()) if default is None else (default.base_url, default.keys)


def _verdicts(found: dict[str, Any], count: int) -> list[Verdict]:
    results = found.get("results")
    if not isinstance(results, list) or len(results) != count:
        raise Failed("malformed")
    return [_verdict(result) for result in results]


def _verdict(result: Any) -> Verdict:
    if not isinstance(result, dict) or not isinstance(result.get("flagged"), bool):
        raise Failed("malformed")
    scores = result.get("category_scores")
    scores = scores if isinstance(scores, dict) else {}
    numbers = {name: score for name, score in scores.items() if isinstance(score, (int, float))}
    worst = max(numbers, key=lambda name: numbers[name], default="")
    if result["flagged"]:
        return Verdict(BLOCK, service_call.label("openai", worst))
    if numbers and numbers[worst] >= REVIEW_SCORE:
        return Verdict(REVIEW, service_call.label("openai", worst))
    return Verdict(PASS)
