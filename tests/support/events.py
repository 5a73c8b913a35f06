"""Platform events out of a caller's request: a recorded event with its parts exchanged."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import parse_qsl

from tests.support.case import Ask
from tests.support.paths import TESTS

EVENTS = TESTS / "events"


def recorded(name: str) -> dict[str, Any]:
    """One recorded event."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


class LambdaContext:
    """The context object that Lambda's Python runtime hands over, as far as anything here looks at it."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends - time.monotonic()) * 1000))


def event(door: str, ask: Ask) -> dict[str, Any]:
    """The event that this door would make of a request."""
    made = recorded(door)
    path, _, query = ask.path.partition("?")
    {"scf": _tencent, "aws": _aws}[door[:3]](door, made, ask, path, query)
    try:
        made["body"] = ask.body.decode()
    except UnicodeDecodeError:
        made["body"], made["isBase64Encoded"] = base64.b64encode(ask.body).decode(), True
    return made


def _tencent(door: str, made: dict[str, Any], ask: Ask, path: str, query: str) -> None:
    lower = door == "scf-function-url"
    made["headers"] = {name.lower() if lower else name: value for name, value in ask.headers}
    made["httpMethod"], made["path"] = ask.method, path
    made["queryString"] = dict(parse_qsl(query, keep_blank_values=True))


def _aws(door: str, made: dict[str, Any], ask: Ask, path: str, query: str) -> None:
    made["isBase64Encoded"] = False
    if door in ("aws-function-url", "aws-http-api"):
        made["headers"] = {name.lower(): value for name, value in ask.headers}
        stage = made["requestContext"]["stage"]
        made["rawPath"] = path if stage == "$default" else f"/{stage}{path}"
        made["rawQueryString"] = query
        made["requestContext"]["http"] |= {"method": ask.method, "path": made["rawPath"]}
        made["requestContext"]["timeEpoch"] = int(time.time() * 1000)
        return
    made["httpMethod"], made["path"] = ask.method, path
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    if door == "aws-rest-api":
        pairs = parse_qsl(query, keep_blank_values=True)
        made["requestContext"]["requestTimeEpoch"] = int(time.time() * 1000)
        made["headers"] = dict(ask.headers)
        made["multiValueHeaders"] = {name: [value] for name, value in ask.headers}
        made["multiValueQueryStringParameters"] = {name: [value] for name, value in pairs} or None
    else:
        made["headers"] = {name.lower(): value for name, value in ask.headers}
    made["queryStringParameters"] = dict(pairs) or (None if door == "aws-rest-api" else {})
