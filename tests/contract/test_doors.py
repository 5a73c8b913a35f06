"""Every buffered door just below and just above what it takes, sizes reckoned as its platform sees them.

Nothing may be lost without a mark: each test compares what the upstream sent with what the client got.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from proxy.adapters.aws_buffered import BufferedFunction
from proxy.adapters.scf_event import EventFunction
from proxy.adapters.scf_web import ScfWebApp
from proxy.platforms.limits import number
from proxy.protocols.accumulate import ChunkAccumulator
from proxy.wire import sse
from tests.conftest import Serve
from tests.support.accumulate import accumulated
from tests.support.case import CALLER, STREAMED, Ask
from tests.support.client import Result, call
from tests.support.events import LambdaContext, event
from tests.support.upstream import END, SSE_HEAD, Cut, Upstream, Wait, chunk, stream, whole

DOORS = {
    "scf-function-url": number("tencent", "event function", "response body"),
    "scf-api-gateway": number("tencent", "event function", "response body"),
    "aws-function-url": number("aws", "function URL", "response body"),
    "aws-http-api": number("aws", "HTTP API", "response body"),
    "aws-rest-api": number("aws", "REST API", "response body"),
    "aws-alb": number("aws", "ALB", "response body"),
}
DONE = b"data: [DONE]\n\n"
STREAM = Ask(body=STREAMED)
Asker = Callable[..., "tuple[Result, int]"]


LAMBDA = pytest.mark.any_python("the Lambda bundle needs Python 3.12")


@pytest.fixture(params=[pytest.param(name, marks=LAMBDA if name.startswith("aws") else ()) for name in DOORS])
def door(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def functions(_upstream: Upstream) -> Iterator[dict[str, Any]]:
    environ = {"OPENAI_BASE_URL": _upstream.url}
    made: dict[str, Any] = {"scf": EventFunction(environ, write=lambda _: None)}
    made["aws"] = BufferedFunction({**environ, "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"}, write=lambda _: None)
    yield made
    for function in made.values():
        function.close()


@pytest.fixture
def sdk(serve: Serve) -> Iterator[Any]:
    """The openai SDK in front of the web function, which streams."""
    with openai.OpenAI(base_url=f"{serve(ScfWebApp).url}/v1", api_key="sk-a", max_retries=2) as made:
        yield made


@pytest.fixture
def ask(functions: dict[str, Any], door: str) -> Asker:
    """Call the door; the result, and the size of the value as the platform counts it."""

    def through(asked: Ask = STREAM, seconds: float = 300) -> tuple[Result, int]:
        if door.startswith("scf"):
            context: Any = {"time_limit_in_ms": seconds * 1000}
            answer = functions["scf"](event(door, asked), context)
            size = len(json.dumps(answer))
        else:
            answer = functions["aws"](event(door, asked), LambdaContext(seconds))
            size = len(json.dumps(answer, ensure_ascii=False).encode())
        body = base64.b64decode(answer["body"]) if answer.get("isBase64Encoded") else answer["body"].encode()
        headers = [(name.lower(), value) for name, value in (answer.get("headers") or {}).items()]
        headers += [(n.lower(), v) for n, many in (answer.get("multiValueHeaders") or {}).items() for v in many]
        return Result(answer["statusCode"], headers, [body]), size

    return through


def word(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return sse.event({"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [choice]})


def played(upstream: Upstream, *events: bytes, end: tuple[Any, ...] = (END,)) -> bytes:
    """Let the upstream stream these, a hundred to a chunk; all of them as one."""
    pieces = [b"".join(events[i : i + 100]) for i in range(0, len(events), 100)]
    upstream.play((SSE_HEAD + b"".join(map(chunk, pieces)), *end))
    return b"".join(events)


def content(data: bytes) -> str:
    deltas = [one["choices"][0]["delta"] for one in sse.objects(data) if one.get("choices")]
    return "".join(delta.get("content") or "" for delta in deltas)


def completed(data: bytes) -> dict[str, Any]:
    """What a client accumulates; tests/core holds this against the SDK's own way, which takes minutes for so much."""
    made = ChunkAccumulator()
    for found in sse.objects(data):
        made.add(found)
    return made.whole()


def words(door: str, share: float, text: str = "word ") -> list[bytes]:
    """Events of `text` whose bytes are this share of the door's limit."""
    return [word(text)] * int(DOORS[door] * share / len(word(text)))


def test_a_stream_that_fits_passes_byte_for_byte(upstream: Upstream, ask: Asker, door: str) -> None:
    sent = played(upstream, *words(door, 0.6, "word " * 50), word("", "stop"), DONE)
    result, size = ask()
    assert result.body == sent and size < DOORS[door]
    assert result.header("x-sluice-truncated") is None and result.header("x-sluice-buffered") == "1"


def test_a_larger_one_is_merged_and_means_the_same(upstream: Upstream, ask: Asker, door: str) -> None:
    """Quotation marks, newlines and Chinese grow in the envelope."""
    sent = played(upstream, *words(door, 1.2, 'word 你好 "\\\n' * 6), word("", "stop"), DONE)
    result, size = ask()
    assert (result.status, result.header("x-sluice-truncated")) == (200, None)
    assert completed(result.body) == completed(sent)
    assert result.body.endswith(DONE) and size < DOORS[door]


@pytest.mark.parametrize("text", ["word " * 400, "好" * 1000])
def test_one_that_is_too_large_all_the_same_ends_by_length(
    upstream: Upstream, ask: Asker, door: str, text: str
) -> None:
    sent = played(upstream, *words(door, 2.5, text), word("", "stop"), DONE)
    result, size = ask()
    assert (result.status, result.header("x-sluice-truncated")) == (200, "response_limit")
    assert DOORS[door] * 0.85 < size <= DOORS[door]
    got, all_ = content(result.body), content(sent)
    assert all_.startswith(got) and len(got) < len(all_)
    last = list(sse.objects(result.body))[-1]
    assert last["choices"][0]["finish_reason"] == "length" and last["sluice"] == {"truncated": "response_limit"}
    assert result.body.endswith(DONE)
    snapshot = accumulated(result.body)
    assert snapshot and snapshot["choices"][0]["finish_reason"] == "length"


def test_a_response_that_is_too_large_is_incomplete(upstream: Upstream, ask: Asker, door: str) -> None:
    def delta(number: int) -> bytes:
        told = {"type": "response.output_text.delta", "sequence_number": number, "item_id": "i", "output_index": 0}
        return sse.event({**told, "content_index": 0, "delta": "word " * 1000}, "response.output_text.delta")

    created = {"type": "response.created", "sequence_number": 0, "response": {"id": "r1", "status": "in_progress"}}
    count = int(DOORS[door] * 2 / len(delta(1)))
    played(upstream, sse.event(created, "response.created"), *(delta(i) for i in range(1, count)))
    result, size = ask(Ask(path="/v1/responses", body=STREAMED))
    assert (result.status, result.header("x-sluice-truncated")) == (200, "response_limit") and size <= DOORS[door]
    *_, before, last = sse.objects(result.body)
    assert (last["type"], last["response"]["id"]) == ("response.incomplete", "r1")
    assert last["sequence_number"] == before["sequence_number"] + 1


def test_a_stream_of_another_kind_is_a_502(upstream: Upstream, ask: Asker, door: str) -> None:
    played(upstream, *words(door, 1.2, "word " * 100))
    result, _ = ask(Ask(path="/v1/audio/speech", body=STREAMED))
    assert (result.status, result.json()["error"]["code"]) == (502, "response_too_large")
    assert result.header("x-should-retry") == "false"


def test_a_merged_stream_that_is_cut_still_says_so(upstream: Upstream, ask: Asker, door: str) -> None:
    sent = played(upstream, *words(door, 1.1, "word " * 40), end=(Cut(),))
    result, _ = ask()
    assert result.header("x-sluice-truncated") == "upstream"
    assert content(result.body) == content(sent)
    assert b"upstream_disconnected" in result.body and DONE not in result.body


@pytest.mark.parametrize("kind", ["json", "chinese", "emoji", "binary"])
def test_other_answers_pass_up_to_the_limit_and_are_told_above_it(
    upstream: Upstream, ask: Asker, door: str, kind: str
) -> None:
    if kind == "binary" and door == "scf-function-url":
        pytest.skip("this door carries text alone")
    asked = Ask("POST", "/v1/audio/speech", CALLER, b"{}")
    # What one unit of the body becomes in the envelope.
    unit, weight = {
        "json": (b"x", 1),
        "chinese": ("好".encode(), 3),
        "emoji": ("😀".encode(), 4),
        "binary": (b"\xff\x00\xfe", 4),
    }[kind]
    if kind in ("chinese", "emoji") and door.startswith("scf"):
        weight = 6 if kind == "chinese" else 12
    media = "application/octet-stream" if kind == "binary" else "application/json"
    quote = b"" if kind == "binary" else b'"'
    # In between the body alone would fit, and the envelope with its headers does not.
    for share, status in ((0.99, 200), (0.99999, 502), (1.001, 502)):
        body = quote + unit * int(DOORS[door] * share / weight) + quote
        upstream.play(whole(body, kind=media))
        result, size = ask(asked)
        assert result.status == status, result.body[:200]
        assert size <= DOORS[door]
        if status == 200:
            assert result.body == body
    error = result.json()["error"]
    assert error["code"] == "response_too_large" and f"{DOORS[door] / 1e6:.10g} MB" in error["message"]
    assert result.header("x-should-retry") == "false"


def test_the_deadline_brings_an_unstreamed_answer_so_far(upstream: Upstream, ask: Asker) -> None:
    upstream.play((SSE_HEAD, chunk(word("Hel")), chunk(word("lo")), Wait()))
    result, _ = ask(Ask(), seconds=1)
    assert (result.status, result.header("x-sluice-truncated")) == (200, "deadline")
    told = result.json()
    assert (told["choices"][0]["message"]["content"], told["choices"][0]["finish_reason"]) == ("Hello", "length")
    assert json.loads(upstream.received[0].body)["stream"] is True
    assert result.header("x-sluice-buffered") is None


def test_where_nothing_can_be_put_together_the_deadline_is_a_clear_504(upstream: Upstream, ask: Asker) -> None:
    upstream.play((Wait(),))
    result, _ = ask(Ask(path="/v1/embeddings"), seconds=1)
    assert (result.status, result.json()["error"]["code"]) == (504, "deadline")
    assert "set it to 300" in result.json()["error"]["message"] and result.header("x-should-retry") == "false"


@pytest.mark.parametrize(
    "more",
    [
        {"max_tokens": 12},
        {"n": 2, "max_tokens": 5},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "tool_choice": "required"},
    ],
)
def test_what_is_put_together_is_what_the_upstream_would_have_sent(serve: Serve, more: dict[str, Any]) -> None:
    body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "你好"}], **more}).encode()
    one, other = (
        call(serve(DEMO="1", ASSEMBLE=how).port, "POST", "/v1/chat/completions", CALLER, body)
        for how in ("off", "always")
    )
    assert other.json() == one.json() and list(other.json()) == list(one.json())
    assert other.header("content-type") == one.header("content-type")


def test_the_sdk_gets_a_partial_answer_with_its_reason(upstream: Upstream, sdk: Any) -> None:
    """The caller wants one value, and the function has one second."""
    upstream.play((SSE_HEAD, chunk(word("Hel")), chunk(word("lo")), Wait()))
    asked: Any = {"model": "m", "messages": [], "extra_headers": {"X-Scf-Timeout": "1000"}}
    raw = sdk.chat.completions.with_raw_response.create(**asked)
    answer = raw.parse()
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Hello", "length")
    assert raw.headers["x-sluice-truncated"] == "deadline"


def test_the_sdk_repeats_no_call_that_would_meet_the_deadline_again(upstream: Upstream, sdk: Any) -> None:
    upstream.play((Wait(),))
    with pytest.raises(openai.InternalServerError, match="set it to 300"):
        sdk.embeddings.create(model="m", input="x", extra_headers={"X-Scf-Timeout": "1000"})
    assert len(upstream.received) == 1


def test_the_sdk_sees_each_ending_of_a_stream_for_what_it_is(upstream: Upstream, sdk: Any) -> None:
    """A part with its reason, or an exception; never a short answer that looks whole."""
    asked: Any = {"model": "m", "messages": [], "stream": True, "extra_headers": {"X-Scf-Timeout": "1000"}}
    upstream.play((SSE_HEAD, chunk(word("Hel")), Wait()))
    chunks = list(sdk.chat.completions.create(**asked))
    assert chunks[-1].choices[0].finish_reason == "length" and chunks[0].choices[0].delta.content == "Hel"
    upstream.play((SSE_HEAD, Wait()))
    with pytest.raises(openai.APIError, match="set it to 300"):
        list(sdk.chat.completions.create(**asked))
    upstream.play(stream(word("Hel"), end=(Cut(),)))
    with pytest.raises(openai.APIError, match="closed the connection"):
        list(sdk.chat.completions.create(**asked))
    created = {"type": "response.created", "sequence_number": 0, "response": {"id": "r1", "output": []}}
    delta = {"type": "response.output_text.delta", "sequence_number": 1, "delta": "Hel"}
    upstream.play((SSE_HEAD, chunk(sse.event(created, "response.created")), chunk(sse.event(delta)), Wait()))
    asked_response: Any = {"model": "m", "input": "x", "stream": True, "extra_headers": {"X-Scf-Timeout": "1000"}}
    *_, last = sdk.responses.create(**asked_response)
    assert (last.type, last.response.status) == ("response.incomplete", "incomplete")
