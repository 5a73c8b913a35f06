"""The limits of the platform that the console runs on, in both languages, for the page to show."""

from __future__ import annotations

from typing import Any

from proxy.platforms import limit_texts as words
from proxy.platforms import registry
from proxy.platforms.limits import LIMITS


def card(name: str) -> dict[str, Any]:
    """For `en` and `zh` the platform's title and its rows: door, what, how much, fixed or not, what happens there.

    `name` is what the log calls the function. One that the registry does not know has no rows.
    """
    function = registry.FUNCTIONS.get(name)
    if function is None:
        return {language: {"name": name, "rows": []} for language in ("en", "zh")}
    platform = registry.platform_of(function)
    texts = words.TEXTS_ZH
    doors_zh = {registry.EVERY_DOOR: texts[registry.EVERY_DOOR], **{one.name: one.name_zh for one in function.doors}}
    rows = [row for row in LIMITS if row.platform == platform.name and row.door in doors_zh]
    return {
        "en": {
            "name": platform.title,
            "rows": [[row.door, row.what, words.amount(row), words.KINDS[row.hard], row.answer] for row in rows],
        },
        "zh": {
            "name": platform.title_zh,
            "rows": [
                [
                    *(doors_zh[row.door], texts[row.what], words.amount(row, words.UNITS_ZH)),
                    *(words.KINDS_ZH[row.hard], texts[row.answer]),
                ]
                for row in rows
            ],
        },
    }
