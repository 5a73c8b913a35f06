"""Clients as their users have them, unchanged, under Node: npm chatgpt, npm openai and the AI SDK."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from proxy.adapters.asgi import App
from proxy.adapters.asyncio_host import AsyncioClock
from proxy.transports.demo import DemoUpstream
from proxy.wire import sse
from tests.conftest import Serve
from tests.support.client import call
from tests.support.node_clients import CLIENTS, running, said
from tests.support.talk import CHAT, KEY, event
from tests.support.upstream import CEILING, END, SSE_HEAD, Script, Sleep, Upstream, Wait, chunk, whole

pytestmark = pytest.mark.any_python("the clients run in Node; tests/contract covers what serves them")
CHATS = ("chatgpt", "openai", "ai-compatible", "ai-openai")
ALL = (*CHATS, "ai-responses")
QUICK = {"KEEPALIVE_FIRST_SECONDS": "0.1", "KEEPALIVE_SECONDS": "0.1"}
DONE = chunk(b"data: [DONE]\n\n")


class QuickDemo(App):
    """The demo at a tenth of its pauses."""

    def __init__(self, environ: Mapping[str, str], write: Callable[[str], None]) -> None:
        super().__init__(environ, DemoUpstream(AsyncioClock(), 0.1), write)


@pytest.mark.parametrize("path", ["/v1", ""])
@pytest.mark.parametrize("client", ALL)
def test_an_answer_in_one_piece(program: str, serve: Serve, client: str, path: str) -> None:
    (told,) = said(program, client, "text", serve(QuickDemo, DEMO="1").url + path)
    assert told["text"].startswith("你好！我是")


@pytest.mark.parametrize("client", ALL)
def test_a_streamed_answer_and_a_base_url_without_v1(program: str, serve: Serve, client: str) -> None:
    *parts, end = said(program, client, "stream", serve(QuickDemo, DEMO="1").url)
    assert "".join(part["delta"] for part in parts) == end["text"] and len(parts) > 50
    assert end["text"].startswith("你好！我是 Sluice") and end["text"].endswith("「你好」")


@pytest.mark.parametrize("client", CHATS)
def test_each_event_is_seen_before_the_next_is_sent(
    program: str, serve: Serve, upstream: Upstream, client: str
) -> None:
    words = ["水闸", "放水", "了"]
    end = chunk(event("", "stop"))
    upstream.play((SSE_HEAD, *(step for word in words for step in (chunk(event(word)), Wait())), end, DONE, END))
    with running(program, client, "stream", f"{serve().url}/v1") as one:
        for word in words:
            assert one.line() == {"delta": word}
            upstream.proceed()
        assert one.lines() == [{"text": "水闸放水了"}]


def events_for(client: str, serve: Serve) -> list[bytes]:
    """A whole stream in this client's protocol; that of Responses as the demo has it."""
    if client != "ai-responses":
        return [event("水闸"), event("放水", "stop"), b"data: [DONE]\n\n"]
    asked = b'{"model":"demo","stream":true,"input":"hi","max_output_tokens":3}'
    return sse.split(call(serve(QuickDemo, DEMO="1").port, "POST", "/v1/responses", KEY, asked).body)


def with_pings(events: list[bytes], ids: bool) -> Script:
    """A stream that is silent before its first event and in its midst, in the form that decides how pings look."""
    if ids:
        events = [b"id: %d\n" % number + one for number, one in enumerate(events)]
    first, *others = events
    return (Sleep(0.3), SSE_HEAD, chunk(first), Sleep(0.3), *map(chunk, others), END)


@pytest.mark.parametrize("ids", [False, True], ids=["of its own", "within an event"])
@pytest.mark.parametrize("client", ALL)
def test_pings_disturb_none_of_them(program: str, serve: Serve, upstream: Upstream, client: str, ids: bool) -> None:
    server = serve(**QUICK)
    path = "/v1/responses" if client == "ai-responses" else "/v1/chat/completions"
    events = events_for(client, serve)
    upstream.play(with_pings(events, ids))
    wire = call(server.port, "POST", path, KEY, CHAT).body
    middle = wire[wire.index(b"data:") :]
    assert wire.startswith(b": ping\n\n") and middle.count(b": ping\n") >= 2
    assert (b": ping\n\n" in middle) is not ids  # where events have ids, an empty line more would be another event
    upstream.play(with_pings(events, ids))
    *parts, end = said(program, client, "stream", f"{server.url}/v1")
    assert "".join(part["delta"] for part in parts) == end["text"]
    assert end["text"].strip() == ("Hello! I am" if client == "ai-responses" else "水闸放水")


@pytest.mark.parametrize("action", ["text", "stream"])
@pytest.mark.parametrize("client", ALL)
def test_an_error_s_message_and_status_reach_the_user(program: str, serve: Serve, client: str, action: str) -> None:
    (told,) = said(program, client, action, f"{serve(QuickDemo, DEMO='1').url}/v1", "demo-error-400")
    assert told["status"] == 400 and "fails with 400 because you asked for it" in told["error"]
    (told,) = said(program, client, action, f"{serve(PROXY_KEY='pk').url}/v1")
    assert told["status"] == 401 and "the key that this endpoint's owner gave you" in told["error"]


@pytest.mark.parametrize("client", ["openai", "ai-compatible", "ai-openai", "ai-responses"])
def test_a_stream_that_breaks_is_an_error_with_its_message(program: str, serve: Serve, client: str) -> None:
    *parts, told = said(program, client, "stream", f"{serve(QuickDemo, DEMO='1').url}/v1", "demo-cut")
    assert len(parts) > 20 and "closed the connection before its answer was complete" in told["error"]


def test_chatgpt_never_takes_a_broken_stream_for_an_answer(program: str, serve: Serve, upstream: Upstream) -> None:
    """It passes over events that are errors and waits for [DONE]: only its own time-out ends that."""
    error = chunk(b'data: {"error":{"message":"no"}}\n\n')
    upstream.play((SSE_HEAD, chunk(event("水闸")), error, END))
    told = said(program, "chatgpt", "stream", f"{serve().url}/v1", "m", "1")
    assert told[0] == {"delta": "水闸"} and told[1]["name"] == "TimeoutError" and len(told) == 2


def test_chatgpt_sends_the_conversation_along(program: str, serve: Serve, upstream: Upstream) -> None:
    answer = {"id": "c1", "choices": [{"message": {"role": "assistant", "content": "first answer"}}]}
    later = {"id": "c2", "choices": [{"message": {"role": "assistant", "content": "second answer"}}]}
    upstream.play(*(whole(json.dumps(one).encode()) for one in (answer, later)))
    (told,) = said(program, "chatgpt", "conversation", f"{serve().url}/v1", "gpt-9")
    assert told["texts"] == ["first answer", "second answer"]
    first, second = (json.loads(one.body) for one in upstream.received)
    assert first["model"] == second["model"] == "gpt-9"
    assert [one["content"] for one in second["messages"][-3:]] == ["first question", "first answer", "second question"]


def test_openai_lists_models_and_speaks_responses(program: str, serve: Serve) -> None:
    base = f"{serve(QuickDemo, DEMO='1').url}/v1"
    (told,) = said(program, "openai", "models", base)
    assert "demo" in told["models"]
    (told,) = said(program, "openai", "responses", base)
    assert told["text"].endswith("「你好」")


def test_openai_s_abort_ends_the_call_upstream(program: str, serve: Serve, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, chunk(event("水闸")), Wait(), END))
    with running(program, "openai", "abort", f"{serve().url}/v1") as one:
        assert one.line() == {"delta": "水闸"}
        assert one.line() == {"aborted": True}
        assert upstream.gone.wait(CEILING), "the upstream call went on"
        assert one.process.poll() is None, "only the abort can have ended it"


def test_openai_uploads_a_file(program: str, serve: Serve, upstream: Upstream) -> None:
    upstream.play(whole(b'{"id":"file-1","object":"file"}'))
    assert said(program, "openai", "upload", f"{serve().url}/v1") == [{"id": "file-1"}]
    (sent,) = upstream.received
    assert (sent.header("content-type") or "").startswith("multipart/form-data; boundary=")
    assert '{"你好": 1}\n'.encode() in sent.body and "中文.jsonl".encode() in sent.body and b"batch" in sent.body


@pytest.mark.parametrize("client", ["ai-compatible", "ai-openai"])
def test_the_ai_sdk_calls_tools(program: str, serve: Serve, client: str) -> None:
    (told,) = said(program, client, "tools", f"{serve(QuickDemo, DEMO='1').url}/v1")
    assert told["calls"] == [["weather", {"city": "demo"}, "sunny in demo"]]
    assert told["text"].endswith("You said: “sunny in demo”")


def test_the_table_names_the_versions_that_are_tested() -> None:
    table = (CLIENTS / "README.md").read_text(encoding="utf-8")
    wanted = json.loads((CLIENTS / "package.json").read_text())["dependencies"]
    locked = json.loads((CLIENTS / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert f"`{name}` {version}" in table
        assert locked[f"node_modules/{name}"]["version"] == version
