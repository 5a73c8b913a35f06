"""Platform events out of a caller's request: a recorded event with its parts exchanged."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tests.contract.case import Ask

EVENTS = Path(__file__).parent.parent / "events"


def recorded(name: str) -> dict[str, Any]:
    """One recorded event."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def event(door: str, ask: Ask) -> dict[str, Any]:
    """The event that this door would make of a request."""
    made = recorded(door)
    path, _, query = ask.path.partition("?")
    lower = door == "scf-function-url"
    made["headers"] = {name.lower() if lower else name: value for name, value in ask.headers}
    made["httpMethod"], made["path"] = ask.method, path
    made["queryString"] = dict(parse_qsl(query, keep_blank_values=True))
    try:
        made["body"] = ask.body.decode()
    except UnicodeDecodeError:
        made["body"], made["isBase64Encoded"] = base64.b64encode(ask.body).decode(), True
    return made
