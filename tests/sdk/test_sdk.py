"""The current openai SDK, unchanged, through a real server: what our users' programs really do."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from tests.conftest import Serve
from tests.support.upstream import END, SSE_HEAD, Cut, Received, Script, Sleep, Upstream, chunk, head, whole

HELLO: Any = [{"role": "user", "content": "你好"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}


_OPEN: list[Any] = []


def sdk_client(**more: Any) -> Any:
    """A client that is closed with the test: what the garbage collector finds open later is a warning of its own."""
    _OPEN.append(openai.OpenAI(**more))
    return _OPEN[-1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


@pytest.fixture
def demo(serve: Serve) -> Any:
    return sdk_client(base_url=f"{serve(DEMO='1').url}/v1", api_key="any")


def client(serve: Serve, retries: int = 0) -> Any:
    return sdk_client(base_url=f"{serve().url}/v1", api_key="sk-mine", max_retries=retries)


def test_chat_buffered_and_streamed(demo: Any) -> None:
    answer = demo.chat.completions.create(model="demo", messages=HELLO, max_tokens=5)
    assert answer.choices[0].message.content == "你好！我是"
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 5)
    chunks = list(
        demo.chat.completions.create(
            model="demo", messages=HELLO, max_tokens=5, n=2, stream=True, stream_options={"include_usage": True}
        )
    )
    texts = {0: "", 1: ""}
    for one in chunks:
        for choice in one.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == {0: "你好！我是", 1: "你好！我是"}
    assert chunks[-1].usage.completion_tokens == 10


def test_async_chat(serve: Serve) -> None:
    async def go() -> str:
        sdk: Any = openai.AsyncOpenAI(base_url=serve(DEMO="1").url, api_key="any")
        async with sdk as asked:
            stream = await asked.chat.completions.create(model="demo", messages=HELLO, max_tokens=3, stream=True)
            return "".join([one.choices[0].delta.content or "" async for one in stream])

    assert asyncio.run(go()) == "你好！"


def test_tools_buffered_and_streamed(demo: Any) -> None:
    answer = demo.chat.completions.create(model="demo", messages=HELLO, tools=[TOOL])
    call = answer.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "demo", "days": 1})
    with demo.chat.completions.stream(model="demo", messages=HELLO, tools=[TOOL]) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls is not None
    assert json.loads(final.choices[0].message.tool_calls[0].function.arguments) == {"city": "demo", "days": 1}
    after = [*HELLO, answer.choices[0].message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    answer = demo.chat.completions.create(model="demo", messages=after, tools=[TOOL], max_tokens=2)
    assert answer.choices[0].message.content


def test_responses_buffered_and_streamed(demo: Any) -> None:
    whole_answer = demo.responses.create(model="demo", input="hi", max_output_tokens=3)
    assert whole_answer.output_text.startswith("Hello! I am")
    assert whole_answer.status == "incomplete"
    with demo.responses.stream(model="demo", input="hi") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text
    assert final.status == "completed"


def test_completions_embeddings_and_models(demo: Any) -> None:
    assert demo.completions.create(model="demo", prompt="hi", max_tokens=2).choices[0].text == "Hello! I "
    pieces = demo.completions.create(model="demo", prompt="hi", max_tokens=2, stream=True)
    assert "".join(piece.choices[0].text for piece in pieces) == "Hello! I "
    vectors = demo.embeddings.create(model="demo", input=["a", "b"]).data
    assert len(vectors) == 2 and len(vectors[0].embedding) == 8
    floats = demo.embeddings.create(model="demo", input="a", encoding_format="float").data[0].embedding
    assert floats == pytest.approx(vectors[0].embedding, abs=1e-6)
    assert "demo" in [model.id for model in demo.models.list()]
    assert demo.models.retrieve("demo").id == "demo"
    with pytest.raises(openai.NotFoundError):
        demo.models.retrieve("nothing")


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("demo-error-401", openai.AuthenticationError),
        ("demo-error-429", openai.RateLimitError),
        ("demo-error-500", openai.InternalServerError),
        ("gpt-unknown", openai.NotFoundError),
    ],
)
def test_errors_on_request(demo: Any, model: str, kind: type[openai.APIStatusError]) -> None:
    with pytest.raises(kind) as failed:
        demo.with_options(max_retries=0).chat.completions.create(model=model, messages=HELLO)
    assert failed.value.code in ("demo", "model_not_found")
    if model == "demo-error-429":
        assert failed.value.response.headers["retry-after"] == "1"


def test_a_cut_stream_raises_and_is_never_a_short_answer(demo: Any) -> None:
    stream = demo.chat.completions.create(model="demo-cut", messages=HELLO, max_tokens=8, stream=True)
    with pytest.raises(openai.APIError, match="closed the connection"):
        list(stream)
    with pytest.raises(openai.APIError, match="closed the connection"):
        list(demo.responses.create(model="demo-cut", input="hi", max_output_tokens=8, stream=True))


def test_what_the_demo_does_not_know_is_told(demo: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="does not know"):
        demo.images.generate(model="demo", prompt="x")
    with pytest.raises(openai.PermissionDeniedError, match="ALLOW_PATHS"):
        demo.files.list()
    with pytest.raises(openai.BadRequestError, match="JSON object"):
        demo.post("/chat/completions", cast_to=object, content=b"[]")
    with pytest.raises(openai.BadRequestError, match="JSON object"):
        demo.post("/chat/completions", cast_to=object, content=b"{")


def test_images_audio_and_files(upstream: Upstream, serve: Serve) -> None:
    asked = client(serve)
    sound = bytes(range(256)) * 9
    upstream.play(whole(sound, kind="audio/mpeg"))
    assert asked.audio.speech.create(model="tts-1", voice="alloy", input="你好").read() == sound
    upstream.play(whole(b'{"text":"hi"}'))
    assert asked.audio.transcriptions.create(model="whisper-1", file=("a.mp3", sound)).text == "hi"
    assert sound in upstream.received[0].body
    upstream.play(whole(b'{"id":"f-1","object":"file","bytes":9,"created_at":1,"filename":"a","purpose":"batch"}'))
    assert asked.files.create(file=("a.jsonl", b"{}\n"), purpose="batch").id == "f-1"
    upstream.play(whole(sound, kind="application/octet-stream"))
    assert asked.files.content("f-1").read() == sound
    upstream.play(whole(b'{"id":"f-1","object":"file","deleted":true}'))
    assert asked.files.delete("f-1").deleted
    assert upstream.received[0].method == "DELETE"
    upstream.play(whole(b'{"created":1,"data":[{"b64_json":"eA=="}]}'))
    assert asked.images.generate(model="gpt-image-1", prompt="x").data is not None
    upstream.play(whole(b'{"id":"b-1","object":"batch","status":"validating"}'))
    assert asked.batches.create(input_file_id="f-1", endpoint="/v1/responses", completion_window="24h").id == "b-1"


def test_embeddings_that_the_sdk_asks_for_in_base64(upstream: Upstream, serve: Serve) -> None:
    vector = base64.b64encode(struct.pack("<3f", 0.5, -1.0, 2.0)).decode()
    data = {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": vector}]}
    upstream.play(whole(json.dumps({**data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}).encode()))
    assert client(serve).embeddings.create(model="m", input="x").data[0].embedding == [0.5, -1.0, 2.0]


def attempts(upstream: Upstream, serve: Serve, script: Script, **settings: str) -> int:
    """How often the SDK asks, with its two retries allowed."""
    upstream.play(script)
    server = serve(**settings)
    asked = sdk_client(base_url=f"{server.url}/v1", api_key="sk-mine", max_retries=2, timeout=5)
    before = len(server.raw_lines)
    with pytest.raises(openai.OpenAIError):
        asked.chat.completions.create(model="m", messages=[{"role": "user", "content": "x" * 3000}])
    return len(server.raw_lines) - before


def test_the_sdk_repeats_only_what_may_succeed(upstream: Upstream, serve: Serve) -> None:
    quick = (("retry-after-ms", "1"),)
    assert attempts(upstream, serve, whole(b'{"error":{}}', 500, *quick)) == 3
    assert attempts(upstream, serve, whole(b'{"error":{}}', 500, *quick, ("x-should-retry", "false"))) == 1
    assert attempts(upstream, serve, whole(b"{}"), MAX_BODY_MB="0.001") == 1
    assert attempts(upstream, serve, whole(b"{}"), OPENAI_API_KEY="sk-server") == 1
    assert attempts(upstream, serve, whole(b"{}"), PROXY_KEY="pk-3f9c1b-of-callers") == 1
    assert attempts(upstream, serve, (Cut(),)) == 3


def test_rate_limit_headers_and_request_ids_reach_the_sdk(upstream: Upstream, serve: Serve) -> None:
    fields = (("x-request-id", "req_1"), ("x-ratelimit-remaining-requests", "59"))
    upstream.play(whole(b'{"id":"c","object":"chat.completion","choices":[]}', 200, *fields))
    raw = client(serve).chat.completions.with_raw_response.create(model="m", messages=HELLO)
    assert raw.headers["x-ratelimit-remaining-requests"] == "59"
    assert raw.parse()._request_id == "req_1"


def test_pings_do_not_disturb_the_sdk(upstream: Upstream, serve: Serve) -> None:
    one = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    upstream.choose = _slowly(one)
    quick = serve(KEEPALIVE_FIRST_SECONDS="0.02", KEEPALIVE_SECONDS="0.02")
    asked = sdk_client(base_url=f"{quick.url}/v1", api_key="k")
    stream = asked.chat.completions.create(model="m", messages=HELLO, stream=True)
    assert [piece.choices[0].delta.content for piece in stream] == ["x", "x"]


def _slowly(one: bytes) -> Callable[[Received], Script]:
    def script(_: Received) -> Script:
        return (Sleep(0.1), SSE_HEAD, chunk(one), Sleep(0.1), chunk(one), chunk(b"data: [DONE]\n\n"), END)

    return script


def test_a_download_without_a_length_that_is_cut_is_an_error(upstream: Upstream, serve: Serve) -> None:
    fields = (("Content-Type", "audio/mpeg"), ("Transfer-Encoding", "chunked"))
    upstream.play((head(200, *fields) + chunk(b"ID3" * 10), Sleep(0.05), Cut()))
    with pytest.raises(openai.APIConnectionError):
        client(serve).audio.speech.create(model="tts-1", voice="alloy", input="x")
