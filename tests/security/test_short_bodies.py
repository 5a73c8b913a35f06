"""A body that has lost its end on the way never goes up as a whole one, whichever door it came through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.adapters.aws_buffered import BufferedFunction
from proxy.adapters.scf_event import EventFunction
from tests.support.events import LambdaContext, recorded
from tests.support.upstream import Upstream, whole

SCF = ("scf-function-url", "scf-api-gateway", "scf-clb")
AWS = ("aws-function-url", "aws-http-api", "aws-rest-api", "aws-alb")
BODY = '{"model":"gpt-4o","messages":[{"role":"user","content":"你好"}]}'


def answer(name: str, upstream: Upstream, body: Any, announced: int) -> tuple[int, str]:
    """Status and body of the answer to an event with this body and Content-Length."""
    upstream.play(whole(b'{"ok":1}'))
    event = recorded(name)
    event["headers"]["content-length"] = str(announced)
    if "multiValueHeaders" in event:
        event["multiValueHeaders"]["content-length"] = [str(announced)]
    event["payload" if name == "scf-clb" else "body"] = body
    event["isBase64Encoded"] = False
    settings = {"OPENAI_BASE_URL": upstream.url, "ASSEMBLE": "off"}
    made: Any
    if name in SCF:
        made = EventFunction(settings, write=lambda _: None)
        told = made(event, {})
    else:
        made = BufferedFunction(settings, write=lambda _: None)
        told = made(event, LambdaContext(300))
    made.close()
    return told["statusCode"], told["body"]


@pytest.mark.parametrize("missing", [1, 5, 1_000_000])
@pytest.mark.parametrize("name", [*SCF, *AWS])
def test_fewer_bytes_than_announced_are_refused(name: str, missing: int, upstream: Upstream) -> None:
    status, body = answer(name, upstream, BODY, len(BODY.encode()) + missing)
    assert (status, json.loads(body)["error"]["code"]) == (400, "incomplete_body")
    assert upstream.received == []
    assert answer(name, upstream, None, missing)[0] == 400 and upstream.received == []


@pytest.mark.parametrize("name", [*SCF, *AWS])
def test_a_body_of_the_announced_length_passes(name: str, upstream: Upstream) -> None:
    assert answer(name, upstream, BODY, len(BODY.encode())) == (200, '{"ok":1}')
    assert upstream.received[0].body == BODY.encode()


def test_a_body_that_the_door_has_parsed_is_written_anew_in_another_length(upstream: Upstream) -> None:
    assert answer("scf-clb", upstream, json.loads(BODY), 10_000)[0] == 200
