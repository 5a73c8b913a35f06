"""Calls under a limit on cost."""

from __future__ import annotations

import json
from typing import Any

from tests.support.core import Listed, error_of, request, run

JSON = (("content-type", "application/json"),)
CHAT, COMPLETIONS, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"
COST = {"MAX_COST_USD": "0.01"}


def send(
    body: Any, settings: dict[str, str] | None = None, path: str = CHAT, **more: str
) -> tuple[int, dict[str, Any] | None, dict[str, Any] | None]:
    """The status, the error if there is one, and what went up if anything did."""
    upstream = Listed(b"{}", headers=JSON)
    reply, _ = run(upstream, request(path, json.dumps(body).encode()), settings={**(settings or COST), **more})
    went_up = json.loads(upstream.sent[0].body) if upstream.sent else None
    return reply.status, error_of(reply) if reply.status >= 400 else None, went_up
