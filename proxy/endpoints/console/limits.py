"""The limits of the console's own platform, in both languages."""

from __future__ import annotations

from typing import Any

from proxy.platforms import limit_texts as texts
from proxy.platforms.limits import LIMITS

# For each adapter, its platform in the limits table and its possible entry points.
_ENTRY_POINTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "server": ("server", ("http",)),
    "tencent-scf-web": ("tencent", ("web function",)),
    "tencent-scf-event": ("tencent", ("event function",)),
    "aws-lambda-buffered": ("aws", ("every door", "function URL", "HTTP API", "REST API", "ALB")),
    "aws-lambda-stream": ("aws", ("every door", "function URL stream", "REST API stream")),
    "cloudflare": ("cloudflare", ("Worker", "Worker (free)", "Worker (paid)")),
}


def card(platform: str) -> dict[str, Any]:
    """For `en` and `zh`: the platform's name and its rows (entry point, limit, amount, fixed or default, effect).

    A platform without an entry in the table keeps its name and has no rows.
    """
    name, entry_points = _ENTRY_POINTS.get(platform, (platform, ()))
    rows = [row for row in LIMITS if row.platform == name and row.door in entry_points]
    zh = texts.TEXTS_ZH
    return {
        "en": {
            "name": texts.PLATFORMS.get(name, name),
            "rows": [[row.door, row.what, texts.amount(row), texts.KINDS[row.hard], row.answer] for row in rows],
        },
        "zh": {
            "name": texts.PLATFORMS_ZH.get(name, name),
            "rows": [
                [
                    *(zh[row.door], zh[row.what], texts.amount(row, texts.UNITS_ZH)),
                    *(texts.KINDS_ZH[row.hard], zh[row.answer]),
                ]
                for row in rows
            ],
        },
    }
