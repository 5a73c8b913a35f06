"""Probes a deployed endpoint from outside, in the order in which things can fail."""

from __future__ import annotations

import ssl
from contextlib import closing
from dataclasses import dataclass, field

from proxy.cli.doctor import access, addresses, apis, chat, endpoint, extras, keys, reach
from proxy.cli.doctor.client import CALL_SECONDS, SILENCE_SECONDS, Client
from proxy.cli.doctor.report import Report


@dataclass(frozen=True, slots=True)
class Probe:
    """What to probe. `root` is the base URL without /v1. Without a `model`, a cheap one is chosen."""

    root: str
    keys: keys.Keys = field(default_factory=keys.Keys)
    model: str | None = None
    size: bool = False
    silence_seconds: float = SILENCE_SECONDS
    call_seconds: float = CALL_SECONDS


def examine(probe: Probe, report: Report, context: ssl.SSLContext) -> None:
    """Check everything that can be seen from outside; skip what depends on a step that failed."""
    report.add("url.plain" if addresses.is_plain(probe.root) else "url.ok", base=f"{probe.root}/v1")
    if not reach.examine(probe.root, report, context):
        return
    with closing(Client(probe.root, "", context, probe.silence_seconds, probe.call_seconds)) as client:
        reached = endpoint.examine(client, report)
        if reached is None:
            return
        trusted = bool(reached.platform) and not addresses.is_plain(probe.root)
        client.key = keys.choose(probe.keys, reached.access, trusted, report)
        models = access.models(client, reached, report)
        access.spellings(client, models, report)
        access.cors(client, report)
        if models.admitted:
            model = probe.model or ("" if models.empty else access.choose_model(models.names))
            has_chat = apis.examine(client, reached, model, report)
            if has_chat and model:
                chat.examine(client, reached, model, report)
            if probe.size:
                extras.sizes(client, reached, report)
        extras.status_page(client, models.is_openai, report)
