"""Events of the platforms with anything in the place of anything: every adapter answers, and logs each call once."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import transports
from proxy.adapters.aws_buffered import BufferedFunction
from proxy.adapters.aws_runtime import RuntimeApi
from proxy.adapters.aws_stream import StreamFunction
from proxy.adapters.scf_event import EventFunction
from tests.support.events import LambdaContext, recorded
from tests.support.hostile import (
    ANYTHING,
    BODIES,
    HEADERS,
    METHODS,
    PATHS,
    QUERIES,
    Always,
    check_error,
    check_headers,
    check_lines,
    mostly,
    times,
)

SCF_DOORS = ("scf-function-url", "scf-api-gateway", "scf-clb")
AWS_DOORS = ("aws-function-url", "aws-http-api", "aws-rest-api", "aws-alb")
SETTINGS = {
    "OPENAI_API_KEY": "sk-server",
    "PROXY_KEY": "pk-one",
    "METERING": "header",
    "CONTEXT_GUARD": "reject",
    "ASSEMBLE": "always",
}
CHAT = '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}]}'
TEXT_BODIES = BODIES.map(lambda body: body.decode("utf-8", "surrogateescape"))
TELLING = st.sampled_from("httpMethod headers requestContext version payload x".split())
OTHERS = st.sampled_from(
    "path rawPath multiValueHeaders queryString queryStringParameters rawQueryString body isBase64Encoded cookies "
    "multiValueQueryStringParameters pathParameters routeKey".split()
)
# What tells one door from another is seldom exchanged: the rest of such an event is not even read.
FIELDS = mostly(OTHERS, TELLING)
HEADER_MAPS = HEADERS.map(dict) | st.dictionaries(
    st.sampled_from(["Authorization", "x-uri", "X-Method", "content-type", "host", "\ud83d"]), ANYTHING, max_size=4
)
CONTEXTS = st.dictionaries(
    st.sampled_from("http elb stage domainName timeEpoch requestTimeEpoch httpMethod path identity x".split()),
    ANYTHING
    | st.dictionaries(st.sampled_from(["method", "path", "sourceIp", "userAgent"]), METHODS | ANYTHING)
    | st.sampled_from([10**400, float("nan"), float("-inf"), "prod", "h.lambda-url.us-east-1.on.aws"]),
    max_size=4,
)
LIKELY = METHODS | PATHS | QUERIES | HEADER_MAPS | TEXT_BODIES | CONTEXTS | st.sampled_from(["true", "AP8=", "***"])
CHANGES = st.dictionaries(FIELDS, mostly(LIKELY, ANYTHING), max_size=4)
LEFT_OUT = mostly(st.just(set[str]()), st.sets(FIELDS, max_size=2))
LET_IN = mostly(st.just(True), st.just(False))


def changed(door: str, changes: dict[str, Any], left_out: set[str], let_in: bool) -> Any:
    """A recorded event with some of its fields exchanged, and others gone."""
    made = {**recorded(door), "payload" if door == "scf-clb" else "body": CHAT, "isBase64Encoded": False, **changes}
    for name in left_out:
        made.pop(name, None)
    if let_in and isinstance(made.get("headers"), dict):
        kept = {name: value for name, value in made["headers"].items() if name.lower() != "authorization"}
        made["headers"] = {**kept, "authorization": "Bearer pk-one"}
        made.pop("multiValueHeaders", None)
    return made


EVENTS_OF_TENCENT = mostly(st.builds(changed, st.sampled_from(SCF_DOORS), CHANGES, LEFT_OUT, LET_IN), ANYTHING)
EVENTS_OF_AWS = mostly(st.builds(changed, st.sampled_from(AWS_DOORS), CHANGES, LEFT_OUT, LET_IN), ANYTHING)
SCF_CONTEXTS = (
    st.dictionaries(
        st.sampled_from(["time_limit_in_ms", "tencentcloud_region", "request_id"]),
        ANYTHING | st.sampled_from([3_000, 300_000, float("nan"), float("inf"), -5]),
    )
    | ANYTHING
)


def check_answer(answer: Any) -> None:
    """What the platform's own JSON carries, with a body that is what its flag says."""
    assert json.loads(json.dumps(answer)) == answer
    assert isinstance(answer["statusCode"], int)
    pairs = [(name, str(value)) for name, value in (answer.get("headers") or {}).items()]
    pairs += [(name, one) for name, all_ in (answer.get("multiValueHeaders") or {}).items() for one in all_]
    check_headers(pairs)
    kind = next((value for name, value in pairs if name.lower() == "content-type"), None)
    body = base64.b64decode(answer["body"]) if answer.get("isBase64Encoded") else answer["body"].encode()
    check_error(answer["statusCode"], kind, body)


LINES: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def always() -> Iterator[Always]:
    """What every adapter calls in here, in the place of a network."""
    upstream = Always()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transports, "make", lambda config, host: upstream)
        yield upstream


@pytest.fixture(scope="module")
def tencent() -> Iterator[EventFunction]:
    function = EventFunction(SETTINGS, write=LINES.append)
    yield function
    function.close()


@pytest.fixture(scope="module")
def buffered() -> Iterator[BufferedFunction]:
    function = BufferedFunction(SETTINGS, write=LINES.append)
    yield function
    function.close()


@times(1_000)
@given(EVENTS_OF_TENCENT, SCF_CONTEXTS)
def test_tencent_s_event_function_answers_any_event(tencent: EventFunction, event: Any, context: Any) -> None:
    LINES.clear()
    answer = tencent(event, context)
    check_answer(answer)
    check_lines([line for line in LINES if '"event": "region"' not in line])


@pytest.mark.any_python("the Lambda bundle needs Python 3.12")
@times(800)
@given(EVENTS_OF_AWS, st.sampled_from([300.0, 2.0, 0.0, None]))
def test_the_buffered_lambda_answers_any_event(buffered: BufferedFunction, event: Any, seconds: float | None) -> None:
    LINES.clear()
    answer = buffered(event, None if seconds is None else LambdaContext(seconds))
    check_answer(answer)
    check_lines(LINES)


class Told:
    """The Runtime API's side of one response."""

    def __init__(self) -> None:
        self.status, self.headers, self.pieces, self.ends = 0, dict[str, str](), list[bytes](), 0

    async def respond(self, request_id: str, status: int, headers: dict[str, str], cookies: list[str]) -> Told:
        self.status, self.headers = status, headers
        return self

    async def write(self, piece: bytes) -> None:
        self.pieces.append(piece)

    async def end(self) -> None:
        self.ends += 1


@pytest.mark.any_python("the Lambda bundle needs Python 3.12")
@times(800)
@given(
    mostly(EVENTS_OF_AWS.map(lambda event: json.dumps(event).encode()), st.binary(max_size=20) | BODIES),
    st.sampled_from(["9999999999999", "1", "", "soon", "9" * 5_000]),
)
def test_the_streaming_lambda_answers_any_event(event: bytes, deadline: str) -> None:
    lines: list[str] = []
    told = Told()

    async def handle() -> None:
        function = StreamFunction(SETTINGS, lines.append)
        headers = {"lambda-runtime-aws-request-id": "r", "lambda-runtime-deadline-ms": deadline}
        await function.handle(cast(RuntimeApi, told), headers, event)
        await function.aclose()

    asyncio.run(handle())
    check_lines(lines)
    check_headers(list(told.headers.items()))
    check_error(told.status, told.headers.get("content-type"), b"".join(told.pieces))
    assert told.ends == 1
