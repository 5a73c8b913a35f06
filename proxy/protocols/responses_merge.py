"""Merge consecutive deltas of the Responses API. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import without
from proxy.protocols.merge import DIFFERENT, joined_logprobs, logprobs_member


def merged(held: dict[str, Any], following: dict[str, Any]) -> dict[str, Any] | None:
    """Merge deltas of one item, which may differ only in text, logprobs and sequence number."""
    if not str(held.get("type")).endswith(".delta") or held.keys() != following.keys():
        return None
    if not isinstance(held.get("delta"), str) or not isinstance(following.get("delta"), str):
        return None
    logprobs = joined_logprobs(held.get("logprobs"), following.get("logprobs"))
    free = ("delta", "logprobs", "created", "obfuscation", "sequence_number")
    if logprobs is DIFFERENT or without(held, free) != without(following, free):
        return None
    # The number of the last delta, so that numbers ascend and a client that resumes continues after it.
    number = {name: following[name] for name in ("sequence_number",) if name in following}
    delta = held["delta"] + following["delta"]
    return {**held, "delta": delta, **number, **logprobs_member(held, logprobs)}
