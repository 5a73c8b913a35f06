"""OpenAI's /moderations, or a compatible service. One call checks many texts.

Source: platform.openai.com/docs/api-reference/moderations.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from proxy.call import Call
from proxy.errors import ConfigError
from proxy.moderation import service_call
from proxy.moderation.verdict import BLOCK, PASS, REVIEW, CheckFailed, Text, Verdict, most_severe
from proxy.settings.config import Config
from proxy.settings.providers import DEFAULT
from proxy.upstream import Target

# Short pieces, since a long text dilutes the score of one passage.
PIECE_LENGTH = 2_000
_MAX_PIECES = 32  # in one call
# An unflagged text with a category score of at least this is doubtful. Only the level high blocks it.
REVIEW_SCORE = 0.3


def check_config(config: Config) -> None:
    """As Checker.check_config."""
    base_url, keys = _default_upstream(config)
    is_other_server = config.moderation_openai_base_url not in (None, base_url)
    if config.moderation_openai_key or (keys and not is_other_server):
        return
    reason = (
        "MODERATION_OPENAI_BASE_URL is another server, which must not get the key of OPENAI_BASE_URL"
        if is_other_server
        else "the server holds no key for OPENAI_BASE_URL"
    )
    raise ConfigError(
        f"Set MODERATION_OPENAI_KEY: MODERATION names openai, and {reason}.",
        param="MODERATION_OPENAI_KEY",
    )


async def check(call: Call, texts: Sequence[Text]) -> Verdict:
    """As Checker.check."""
    config = call.config
    base_url, default_keys = _default_upstream(config)
    keys = config.moderation_openai_key or default_keys
    key = keys[call.host.choose(len(keys))] if len(keys) > 1 else keys[0]
    target = Target("moderation", config.moderation_openai_base_url or base_url, key)
    pieces = service_call.split_texts(texts, PIECE_LENGTH)
    verdicts: list[Verdict] = []
    while batch := list(islice(pieces, _MAX_PIECES)):
        body = json.dumps({"model": config.moderation_openai_model, "input": batch}).encode()
        answer = await service_call.post(call, target, "moderations", [], body)
        verdicts += _verdicts(answer, len(batch))
        if any(verdict.level == BLOCK for verdict in verdicts):
            break
    return most_severe(verdicts)


def _default_upstream(config: Config) -> tuple[str, tuple[str, ...]]:
    """Return the address and the keys of the default upstream. No other server may get these keys.

    They come from the provider, because OPENAI_API_KEY may also hold another vendor's keys, which begin with fk.
    """
    default = next((provider for provider in config.providers if provider.name == DEFAULT), None)
    return (config.openai_base_url, ()) if default is None else (default.base_url, default.keys)


def _verdicts(answer: dict[str, Any], count: int) -> list[Verdict]:
    results = answer.get("results")
    if not isinstance(results, list) or len(results) != count:
        raise CheckFailed("malformed")
    return [_verdict(result) for result in results]


def _verdict(result: Any) -> Verdict:
    if not isinstance(result, dict) or not isinstance(result.get("flagged"), bool):
        raise CheckFailed("malformed")
    scores = result.get("category_scores")
    scores = scores if isinstance(scores, dict) else {}
    numbers = {name: score for name, score in scores.items() if isinstance(score, (int, float))}
    worst = max(numbers, key=lambda name: numbers[name], default="")
    if result["flagged"]:
        return Verdict(BLOCK, service_call.log_label("openai", worst))
    if numbers and numbers[worst] >= REVIEW_SCORE:
        return Verdict(REVIEW, service_call.log_label("openai", worst))
    return Verdict(PASS)
