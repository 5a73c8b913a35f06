"""The table of all providers, in the order in which `init` and docs/providers.md list them."""

from __future__ import annotations

from proxy.cli.providers import chinese, international, local
from proxy.cli.providers.entry import Entry

GROUPS = {"international": international.ENTRIES, "chinese": chinese.ENTRIES, "local": local.ENTRIES}
ENTRIES: tuple[Entry, ...] = tuple(entry for group in GROUPS.values() for entry in group)


def find(name: str) -> Entry | None:
    """The provider with this name or title, in any case; None if there is none."""
    wanted = name.strip().lower()
    return next(
        (entry for entry in ENTRIES if wanted in (entry.name, entry.title.lower(), entry.title_zh.lower())), None
    )
