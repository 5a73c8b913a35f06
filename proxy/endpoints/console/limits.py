"""The limits of the platform that the console runs on, in both languages, for the page to show."""

from __future__ import annotations

from typing import Any

from proxy.platforms import limit_texts as words
from proxy.platforms.limits import LIMITS

# What each adapter's platform is called in the table, and the doors that it can stand behind.
_PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "server": ("server", ("http",)),
    "tencent-scf-web": ("tencent", ("web function",)),
    "tencent-scf-event": ("tencent", ("event function",)),
    "aws-lambda-buffered": ("aws", ("every door", "function URL", "HTTP API", "REST API", "ALB")),
    "aws-lambda-stream": ("aws", ("every door", "function URL stream", "REST API stream")),
    "cloudflare": ("cloudflare", ("Worker", "Worker (free)", "Worker (paid)")),
}


def card(platform: str) -> dict[str, Any]:
    """For `en` and `zh` the platform's name and its rows: door, what, how much, fixed or not, what happens there.

    A platform that the table does not know has the name that it came with, and no rows.
    """
    name, doors = _PLACES.get(platform, (platform, ()))
    rows = [row for row in LIMITS if row.platform == name and row.door in doors]
    texts = words.TEXTS_ZH
    return {
        "en": {
            "name": words.PLATFORMS.get(name, name),
            "rows": [[row.door, row.what, words.amount(row), words.KINDS[row.hard], row.answer] for row in rows],
        },
        "zh": {
            "name": words.PLATFORMS_ZH.get(name, name),
            "rows": [
                [
                    *(texts[row.door], texts[row.what], words.amount(row, words.UNITS_ZH)),
                    *(words.KINDS_ZH[row.hard], texts[row.answer]),
                ]
                for row in rows
            ],
        },
    }
