"""The limits of the console's own platform, in both languages."""

from __future__ import annotations

from typing import Any

from proxy.platforms import limit_texts as texts
from proxy.platforms import registry
from proxy.platforms.limits import LIMITS


def card(name: str) -> dict[str, Any]:
    """For `en` and `zh`: the platform's title and its rows (entry point, limit, amount, fixed or default, effect).

    `name` is the function's name in the log. A function that is not in the registry has no rows.
    """
    function = registry.FUNCTIONS.get(name)
    if function is None:
        return {language: {"name": name, "rows": []} for language in ("en", "zh")}
    platform = registry.platform_of(function)
    zh = texts.TEXTS_ZH
    doors_zh = {registry.EVERY_DOOR: zh[registry.EVERY_DOOR], **{door.name: door.name_zh for door in function.doors}}
    rows = [row for row in LIMITS if row.platform == platform.name and row.door in doors_zh]
    return {
        "en": {
            "name": platform.title,
            "rows": [[row.door, row.what, texts.amount(row), texts.KINDS[row.hard], row.answer] for row in rows],
        },
        "zh": {
            "name": platform.title_zh,
            "rows": [
                [
                    *(doors_zh[row.door], zh[row.what], texts.amount(row, texts.UNITS_ZH, texts.BRACKETS_ZH)),
                    *(texts.KINDS_ZH[row.hard], zh[row.answer]),
                ]
                for row in rows
            ],
        },
    }
