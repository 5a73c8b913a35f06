"""The built Worker under real Pyodide and the real SDK: what the contract's cases cannot show."""

from __future__ import annotations

import json
import socket
from typing import Any

import openai
import pytest

from tests.support.client import Connection, call
from tests.support.streams import recorded
from tests.support.talk import CHAT, KEY, PLAIN, event, wait_for
from tests.support.upstream import END, SSE_HEAD, Cut, Received, Upstream, Wait, chunk, head, stream, whole
from tests.support.workers import Workers

pytestmark = pytest.mark.any_python("Pyodide brings the Python that runs the Worker")
GUARDED = {"STREAM_GUARD": "1"}
MODES = pytest.mark.parametrize("more", [{}, GUARDED], ids=["native", "guarded"])
CHATS = "/v1/chat/completions"
FORM = (KEY[0], ("Content-Type", "multipart/form-data; boundary=b"))


def opened(port: int, body: bytes = CHAT) -> Connection:
    connection = Connection(port)
    connection.send("POST", CHATS, KEY, body)
    return connection


@MODES
def test_each_event_arrives_before_the_next_is_sent(workers: Workers, upstream: Upstream, more: dict[str, str]) -> None:
    events = [event(str(i)) for i in range(5)]
    upstream.play((SSE_HEAD, *(step for one in events for step in (chunk(one), Wait())), END))
    connection = opened(workers.at({"OPENAI_BASE_URL": upstream.url, **more}))
    result = connection.head()
    got = []
    for piece in connection.writes(result):
        got.append(piece)
        upstream.proceed()
    assert got == events
    line = workers.line(result.header("x-sluice-request-id"))
    assert line["ending"] == ("complete" if more else "handed_over")
    assert line.get("bytes_out") == (sum(map(len, events)) if more else None)
    assert line["platform"] == "cloudflare" and line["upstream_status"] == 200
    connection.close()


@MODES
@pytest.mark.parametrize("seen", [0, 1, 3])
def test_a_caller_that_leaves_cancels_the_upstream(
    workers: Workers, upstream: Upstream, more: dict[str, str], seen: int
) -> None:
    """Also while the next event is being waited for, which is when callers leave."""
    upstream.play((SSE_HEAD, *(chunk(event(str(i))) for i in range(seen)), Wait()))
    connection = opened(workers.at({"OPENAI_BASE_URL": upstream.url, **more}))
    result = connection.head()
    pieces = connection.writes(result)
    got = b""
    while got.count(b"\n\n") < seen:
        got += next(pieces)
    assert not upstream.gone.is_set()
    connection.close()
    wait_for(upstream.gone.is_set)
    ending = workers.line(result.header("x-sluice-request-id"))["ending"]
    assert ending == ("client_disconnected" if more else "handed_over")


def test_a_caller_that_leaves_between_two_pieces_cancels_too(workers: Workers, upstream: Upstream) -> None:
    """Nobody waits for a piece then: the caller takes none, so none is asked for. Nor does memory fill up meanwhile."""
    one = event("字" * 50_000)
    upstream.play((SSE_HEAD, *(chunk(one) for _ in range(300)), Wait()))
    port = workers.at({"OPENAI_BASE_URL": upstream.url, **GUARDED})
    connection = Connection(port, receive_buffer=4096)
    connection.send("POST", CHATS, KEY, CHAT)
    result = connection.head()
    before = upstream._sent
    assert upstream.settled() - before < 30_000_000
    connection.socket.shutdown(socket.SHUT_RDWR)
    connection.close()
    assert workers.line(result.header("x-sluice-request-id"))["ending"] == "client_disconnected"


@MODES
def test_recorded_streams_come_out_identical(workers: Workers, upstream: Upstream, more: dict[str, str]) -> None:
    port = workers.at({"OPENAI_BASE_URL": upstream.url, **more})
    for file in recorded():
        data = file.read_bytes()
        upstream.play((SSE_HEAD + b"".join(chunk(data[i : i + 4001]) for i in range(0, len(data), 4001)) + END,))
        result = call(port, "POST", CHATS, KEY, CHAT)
        assert result.body == data, file.name
        assert not result.broken


def test_a_cut_is_told_by_the_guard_and_shows_in_a_native_stream_by_its_missing_end(
    workers: Workers, upstream: Upstream
) -> None:
    upstream.play((SSE_HEAD, chunk(event("a")), Cut()))
    guarded = call(workers.at({"OPENAI_BASE_URL": upstream.url, **GUARDED}), "POST", CHATS, KEY, CHAT)
    assert b'"code":"upstream_disconnected"' in guarded.body and not guarded.broken
    native = call(workers.at({"OPENAI_BASE_URL": upstream.url}), "POST", CHATS, KEY, CHAT)
    assert native.body in (event("a"), b"") and b"[DONE]" not in native.body


def test_a_caller_that_leaves_while_sending_is_noticed(workers: Workers, upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    connection = Connection(workers.at({"OPENAI_BASE_URL": upstream.url, "TIMEOUT_SECONDS": 599}))
    before = len(workers.printed())
    connection.send("POST", CHATS, (*KEY, ("Content-Length", "100")), b"{")
    connection.close()
    wait_for(lambda: len(workers.printed()) > before)
    assert "client_disconnected" in workers.printed()[-1]
    assert upstream.received == []


def test_a_file_that_is_cut_breaks_off(workers: Workers, upstream: Upstream) -> None:
    """Behind a megabyte, which is not held back for its end."""
    upstream.play((head(200, ("Content-Type", "audio/mpeg"), ("Content-Length", "3000000")) + b"x" * 2_000_000, Cut()))
    port = workers.at({"OPENAI_BASE_URL": upstream.url, **GUARDED})
    assert call(port, "GET", "/v1/files/f/content", KEY).broken


@MODES
def test_an_upstream_that_says_nothing_is_a_504(workers: Workers, upstream: Upstream, more: dict[str, str]) -> None:
    upstream.play((Wait(),))
    env = {"OPENAI_BASE_URL": upstream.url, "FIRST_BYTE_SECONDS": 1, "TIMEOUT_SECONDS": 30, **more}
    result = call(workers.at(env), "POST", CHATS, KEY, CHAT)
    assert (result.status, result.json()["error"]["code"]) == (504, "upstream_timeout")
    assert "for 1 s" in result.json()["error"]["message"]


def test_silence_in_a_guarded_stream_is_an_error_event(workers: Workers, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, chunk(event("a")), Wait()))
    env = {"OPENAI_BASE_URL": upstream.url, "TIMEOUT_SECONDS": 1, **GUARDED}
    result = call(workers.at(env), "POST", CHATS, KEY, CHAT)
    assert result.body.startswith(event("a")) and b'"code":"upstream_timeout"' in result.body


def test_pings_are_sent_where_they_were_asked_for(workers: Workers, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, chunk(event("a")), Wait(), chunk(event("b")), END))
    env = {"OPENAI_BASE_URL": upstream.url, "KEEPALIVE_SECONDS": 0.05, "KEEPALIVE_FIRST_SECONDS": 0.05}
    connection = opened(workers.at(env))
    for piece in connection.writes(connection.head()):
        if b": ping" in piece:
            upstream.proceed()
        if b'"b"' in piece:
            break
    else:
        raise AssertionError("no ping, so no second event")
    connection.close()


def test_a_compressed_answer_is_opened_by_the_platform_and_says_so(workers: Workers, upstream: Upstream) -> None:
    import gzip

    body = json.dumps({"text": "好" * 1000}).encode()
    upstream.play(whole(gzip.compress(body), 200, ("Content-Encoding", "gzip")))
    fields = (*KEY, ("Accept-Encoding", "gzip"))
    result = call(workers.at({"OPENAI_BASE_URL": upstream.url}), "POST", "/v1/embeddings", fields, PLAIN)
    assert result.body == body and result.header("content-encoding") is None


def test_a_short_answer_is_counted_for_the_log(workers: Workers, upstream: Upstream) -> None:
    upstream.play(whole(b'{"model":"m-1","usage":{"prompt_tokens":3,"completion_tokens":4}}'))
    result = call(workers.at({"OPENAI_BASE_URL": upstream.url}), "POST", CHATS, KEY, PLAIN)
    line = workers.line(result.header("x-sluice-request-id"))
    assert line["gen_ai.usage.input_tokens"] == 3 and line["ending"] == "complete"


@MODES
def test_a_form_passes_unread_above_what_python_could_hold(
    workers: Workers, upstream: Upstream, more: dict[str, str]
) -> None:
    form = b"--b\r\n\r\n" + bytes(range(256)) * 120_000 + b"\r\n--b--"
    upstream.play(whole(b"{}"))
    result = call(workers.at({"OPENAI_BASE_URL": upstream.url, **more}), "POST", "/v1/files", FORM, form)
    assert result.status == 200 and upstream.received[0].body == form
    assert workers.line(result.header("x-sluice-request-id"))["bytes_in"] == len(form)


def test_json_above_20_mb_is_refused_with_the_number(workers: Workers, upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    port = workers.at({"OPENAI_BASE_URL": upstream.url})
    assert call(port, "POST", CHATS, KEY, b'{"a":"' + b"x" * 19_999_992 + b'"}').status == 200
    result = call(port, "POST", CHATS, KEY, b'{"a":"' + b"x" * 19_999_993 + b'"}')
    assert (result.status, result.json()["error"]["code"]) == (413, "body_too_large")
    assert "20 MB" in result.json()["error"]["message"] and result.header("x-should-retry") == "false"


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_max_body_mb_holds_for_every_body(workers: Workers, upstream: Upstream, kind: str, announced: bool) -> None:
    upstream.play(whole(b"{}"))
    port = workers.at({"OPENAI_BASE_URL": upstream.url, "MAX_BODY_MB": 0.01})
    for size, status in ((10_000, 200), (10_001, 413)):
        body = b"x" * size
        framing = (("Content-Length", str(size)),) if announced else (("Transfer-Encoding", "chunked"),)
        sent = body if announced else chunk(body) + END
        result = call(port, "POST", "/v1/files", (KEY[0], ("Content-Type", kind), *framing), sent)
        assert result.status == status
        assert [one.body for one in upstream.received] == [b"x" * 10_000]


def test_twenty_calls_in_one_isolate(workers: Workers, upstream: Upstream) -> None:
    port = workers.at({"OPENAI_BASE_URL": upstream.url, "LOG_LEVEL": "info"})
    upstream.play(stream(event("a"), b"data: [DONE]\n\n"))
    ids = [call(port, "POST", CHATS, KEY, CHAT).header("x-sluice-request-id") for _ in range(20)]
    assert len(set(ids)) == 20
    assert [workers.line(one)["cold_start"] for one in ids] == [True] + [False] * 19


def test_settings_may_be_numbers_switches_and_lists(workers: Workers, upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    env = {"OPENAI_BASE_URL": upstream.url, "PROXY_KEY": ["pk-one", "pk-two"], "TIMEOUT_SECONDS": 30, "CONSOLE": False}
    port = workers.at(env)
    assert call(port, "GET", "/").status == 404
    answered = call(port, "POST", CHATS, (("Authorization", "Bearer sk-mine:pk-two"), KEY[1]), PLAIN)
    assert answered.status == 200
    assert upstream.received[0].header("authorization") == "Bearer sk-mine"


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"TIMEOUT_SECONDS": "soon"}, "TIMEOUT_SECONDS must be a number"),
        ({"ALLOW_PATHS": {"a": 1}}, "ALLOW_PATHS takes a text, a number, true, false or a list."),
        ({"CONFIG_FILE": "sluice.toml"}, "there are no files in a Worker"),
    ],
)
def test_a_wrong_setting_is_told_to_each_call(workers: Workers, env: dict[str, Any], says: str) -> None:
    port = workers.at(env)
    for _ in range(2):
        result = call(port, "POST", CHATS, KEY, PLAIN)
        assert result.status == 500 and says in result.json()["error"]["message"]
        assert result.header("access-control-allow-origin") == "*"
    preflight = (("Origin", "https://a.example"), ("Access-Control-Request-Headers", "authorization"))
    assert call(port, "OPTIONS", CHATS, preflight).header("access-control-allow-headers") == "authorization"


def test_hong_kong_is_warned_of(workers: Workers) -> None:
    told = call(workers.at({}, cf={"colo": "HKG"}), "GET", "/readyz").json()
    assert told["platform"] == "cloudflare" and "placement" in told["warnings"][0]
    assert call(workers.at({}, cf={"colo": "SIN"}), "GET", "/readyz").json()["warnings"] == []


def test_a_region_that_openai_refuses_is_explained_in_the_log(workers: Workers, upstream: Upstream) -> None:
    refusal = b'{"error":{"code":"unsupported_country_region_territory","message":"no","type":"x","param":null}}'
    upstream.play(whole(refusal, 403))
    result = call(workers.at({"OPENAI_BASE_URL": upstream.url}), "POST", CHATS, KEY, PLAIN)
    assert (result.status, result.body) == (403, refusal)
    assert "wrangler.jsonc" in workers.line(result.header("x-sluice-request-id"))["hint"]


def test_the_sdk_s_own_request_is_taken_as_well(workers: Workers, upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    port = workers.at({"OPENAI_BASE_URL": upstream.url}, wrapped=True)
    assert call(port, "POST", CHATS, KEY, PLAIN).status == 200
    assert upstream.received[0].body == PLAIN


def test_head_and_empty_answers_have_no_body(workers: Workers, upstream: Upstream) -> None:
    port = workers.at({"OPENAI_BASE_URL": upstream.url})
    upstream.play((head(200, ("Content-Type", "application/json"), ("Content-Length", "9")),))
    assert call(port, "HEAD", "/v1/models", KEY).status == 200
    upstream.play((head(204),))
    assert (call(port, "DELETE", "/v1/files/f", KEY)).status == 204
    upstream.play((head(200, ("Content-Type", "audio/mpeg"), ("Content-Length", "5000000")),))
    result = call(port, "HEAD", "/v1/files/f/content", KEY)
    assert result.status == 200
    assert workers.line(result.header("x-sluice-request-id"))["ending"] == "complete"


@MODES
def test_the_openai_sdk(workers: Workers, more: dict[str, str]) -> None:
    """With the demo inside the Worker, so that a deployment can be tried without a key."""
    port = workers.at({"DEMO": "1", **more})
    asked: Any = {"model": "demo", "messages": [{"role": "user", "content": "你好"}], "max_tokens": 5}
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="any", max_retries=0) as sdk:
        assert sdk.chat.completions.create(**asked).choices[0].message.content == "你好！我是"
        parts = [one.choices[0].delta.content or "" for one in sdk.chat.completions.create(stream=True, **asked)]
        assert "".join(parts) == "你好！我是" and len(parts) > 5
        with pytest.raises(openai.RateLimitError):
            sdk.chat.completions.create(**{**asked, "model": "demo-error-429"})


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("import os; os.urandom(1)", "urandom"),
        ("import uuid; uuid.uuid4()", "uuid4"),
        ("import random; random.random()", "random"),
        ("import js; js.fetch('https://example.com')", "fetch"),
        ("import js; js.setTimeout(None, 1)", "setTimeout"),
        ("import js; js.AbortController.new()", "NoneType"),
        ("import threading; threading.Thread(target=print).start()", "start"),
    ],
)
def test_what_the_platform_forbids_at_import_fails_here_too(workers: Workers, line: str, what: str) -> None:
    """Otherwise the guard, under which every Worker of these tests is imported, would prove nothing."""
    name = f"bad_{what.lower()}"
    (workers.folder / "src" / f"{name}.py").write_text(line)
    with pytest.raises(AssertionError, match=what):
        workers.at({}, entry=name)
    (workers.folder / "src" / f"{name}.py").unlink()


def test_moderation_asks_over_fetch_and_ends_the_stream(workers: Workers, upstream: Upstream) -> None:
    """With the upstream still talking: it is cancelled, and nothing of what was flagged gets out."""
    line = event("Fine.\n"), event("Bad.\n")

    def answer(received: Received) -> tuple[Any, ...]:
        if received.target == "/v1/moderations":
            return whole(json.dumps({"results": [{"flagged": b"Bad" in received.body}]}).encode())
        return (SSE_HEAD, *map(chunk, line), Wait())

    upstream.play(())
    upstream.choose = answer
    env = {
        "OPENAI_BASE_URL": upstream.url,
        "MODERATION": "openai",
        "MODERATION_OPENAI_KEY": "sk-mod",
        "ALLOW_ANONYMOUS": "1",
    }
    result = call(workers.at(env), "POST", CHATS, KEY, CHAT)
    upstream.choose = None
    assert result.body.startswith(line[0]) and b"Bad" not in result.body and result.body.endswith(b"data: [DONE]\n\n")
    assert b'"finish_reason":"content_filter"' in result.body
    wait_for(upstream.gone.is_set)
    asked = [one for one in upstream.received if one.target == "/v1/moderations"]
    assert [one.header("authorization") for one in asked] == ["Bearer sk-mod"] * 2
    told = workers.line(result.header("x-sluice-request-id"))
    assert (told["moderation"], told["ending"]) == ("block", "complete")


def test_a_prompt_is_checked_and_the_stream_still_handed_over(workers: Workers, upstream: Upstream) -> None:
    upstream.play(stream(event("forbidden"), b"data: [DONE]\n\n"))
    env = {"OPENAI_BASE_URL": upstream.url, "MODERATION": "words", "MODERATION_WORDS": ["forbidden", "禁词"]}
    port = workers.at({**env, "MODERATION_INPUT": True, "MODERATION_OUTPUT": False})
    result = call(port, "POST", CHATS, KEY, CHAT)
    assert result.body == event("forbidden") + b"data: [DONE]\n\n"
    assert workers.line(result.header("x-sluice-request-id"))["ending"] == "handed_over"
    refused = call(port, "POST", CHATS, KEY, '{"messages":[{"content":"禁词"}]}'.encode())
    assert (refused.status, refused.json()["error"]["code"]) == (400, "content_filter")


def test_a_worker_signs_for_tencent_as_any_python_does(workers: Workers) -> None:
    from proxy.moderation.checkers.tencent import signature

    module = workers.folder / "src" / "signs.py"
    known = signature("h", "id", "secret", b"{}", 1_700_000_000)
    module.write_text(
        "from entry import *\nfrom proxy.moderation.checkers.tencent import signature\n"
        f"assert signature('h', 'id', 'secret', b'{{}}', 1_700_000_000) == {known!r}\n"
    )
    workers.at({}, entry="signs")
    module.unlink()
