"""A deployed endpoint, probed from the outside in the order in which things fail."""

from __future__ import annotations

import ssl
from contextlib import closing
from dataclasses import dataclass, field

from proxy.cli.doctor import access, addresses, chat, entry, extras, keys, reach
from proxy.cli.doctor.door import SECONDS, TOTAL_SECONDS, Door
from proxy.cli.doctor.report import Report


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asked for. `root` is the base URL without /v1; without a `model` a cheap one is chosen."""

    root: str
    keys: keys.Keys = field(default_factory=keys.Keys)
    model: str | None = None
    size: bool = False
    seconds: float = SECONDS
    total: float = TOTAL_SECONDS


def examine(asked: Asked, report: Report, context: ssl.SSLContext) -> None:
    """Everything that can be seen of the endpoint; what cannot work without an earlier step is left out."""
    report.add("url.plain" if addresses.is_plain(asked.root) else "url.ok", base=f"{asked.root}/v1")
    if not reach.examine(asked.root, report, context):
        return
    with closing(Door(asked.root, "", context, asked.seconds, asked.total)) as door:
        found = entry.examine(door, report)
        if found is None:
            return
        safe = bool(found.platform) and not addresses.is_plain(asked.root)
        door.key = keys.choose(asked.keys, found.access, safe, report)
        models = access.models(door, found, report)
        access.spellings(door, models, report)
        access.cors(door, report)
        if models.admitted:
            if asked.model or not models.empty:
                chat.examine(door, found, asked.model or access.choose(models.names), report)
            if asked.size:
                extras.sizes(door, found, report)
        extras.status_page(door, models.is_openai, report)
