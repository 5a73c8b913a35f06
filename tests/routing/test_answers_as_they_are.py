"""What an upstream's answer is, whatever its label says: events, JSON, an error, a redirect; and where it ends."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from proxy.errors import UpstreamDisconnected
from proxy.messages import Reply
from proxy.wire import sse
from tests.support.core import SSE, Listed, error_of, request, run

PLAIN = b'{"model":"m","messages":[]}'
DONE = b"data: [DONE]\n\n"
TEXT = sse.event({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "Paris"}}]})
STOP = sse.event({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
COMPLETED = sse.event({"type": "response.completed", "response": {"id": "r"}}, "response.completed")
HELD = {"OPENAI_API_KEY": "sk-held-0123456789abcdef", "ALLOW_ANONYMOUS": "1"}


def kind(label: str | None) -> tuple[tuple[str, str], ...]:
    return () if label is None else (("content-type", label),)


def assembled(*steps: bytes | float | Exception, **options: Any) -> tuple[Reply, dict[str, Any]]:
    lines: list[str] = []
    reply, pieces = run(Listed(*steps, **options), request(body=PLAIN, deadline=30), lines)
    return reply, {**json.loads(b"".join(pieces)), "log": json.loads(lines[-1])}


# --- the protocol's own end is the end


@pytest.mark.parametrize(
    ("path", "end"), [("/v1/chat/completions", DONE), ("/v1/completions", DONE), ("/v1/responses", COMPLETED)]
)
@pytest.mark.parametrize("after", [1_000.0, UpstreamDisconnected(), b": bye\n\n"])
def test_nothing_waits_pings_or_complains_after_the_protocol_s_own_end(
    path: str, end: bytes, after: bytes | float | Exception
) -> None:
    lines: list[str] = []
    quick = {"KEEPALIVE_FIRST_SECONDS": "0.1", "KEEPALIVE_SECONDS": "0.1"}
    upstream = Listed(TEXT, end, after)
    body = b'{"model":"m","stream":true}'
    _, pieces = run(upstream, request(path, body, deadline=30), lines, settings=quick)
    assert b"".join(pieces).removesuffix(b": bye\n\n").replace(b": ping\n\n", b"") == TEXT + end
    line = json.loads(lines[-1])
    assert (line["ending"], upstream.body.closed) == ("complete", True) and line["duration_ms"] < 1_000


def test_an_assembled_answer_does_not_wait_for_the_connection_to_close() -> None:
    reply, answer = assembled(TEXT, STOP, DONE, 1_000.0)
    assert answer["choices"][0]["finish_reason"] == "stop" and "x-sluice-truncated" not in reply.headers
    assert answer["log"]["ending"] == "complete"


def test_a_deadline_after_the_end_takes_nothing_away() -> None:
    lines: list[str] = []
    _, pieces = run(Listed(TEXT, 0.8, DONE, 1_000.0), request(deadline=1.0), lines)  # 0.9 s without the reserve
    assert b"".join(pieces) == TEXT + DONE and json.loads(lines[-1])["ending"] == "complete"


def test_what_a_text_says_of_the_end_is_no_end() -> None:
    said = sse.event({"id": "c", "choices": [{"index": 0, "delta": {"content": "data: [DONE]\n\n"}}]})
    _, pieces = run(Listed(said, 0.5, TEXT, DONE))
    assert b"".join(pieces) == said + TEXT + DONE


@pytest.mark.parametrize(("end", "ending"), [(COMPLETED, "complete"), (b"", "client_disconnected")])
def test_a_client_that_leaves_at_the_end_has_not_broken_off(end: bytes, ending: str) -> None:
    from proxy import startup
    from proxy.relay import relay
    from tests.support import fake_clock
    from tests.support.core import host

    lines: list[str] = []

    async def go() -> None:
        incoming = request("/v1/responses", b'{"model":"m","stream":true}')
        reply = await relay(incoming, startup.load({}), Listed(TEXT + end, 5.0), host(lines))
        assert not isinstance(reply.body, bytes)
        await anext(reply.body)
        await reply.body.aclose()

    fake_clock.run(go())
    assert json.loads(lines[-1])["ending"] == ending


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_a_stream_that_ends_with_the_upstream_s_error_is_not_called_complete(path: str) -> None:
    lines: list[str] = []
    error = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n'
    _, pieces = run(Listed(TEXT, error), request(path), lines)
    assert b"".join(pieces) == TEXT + error and json.loads(lines[-1])["ending"] == "upstream_error"


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_refusal_that_is_passed_on_is_called_so(status: int) -> None:
    lines: list[str] = []
    run(Listed(b'{"error":{"message":"m"}}', status=status, headers=kind("application/json")), lines=lines)
    assert json.loads(lines[-1])["ending"] == "upstream_refused"


# --- labels


@pytest.mark.parametrize("label", ["application/json", "text/plain", "application/octet-stream", None])
@pytest.mark.parametrize("lead", [b"", b"\xef\xbb\xbf", b"\n\n", b": hello\n\n"])
def test_events_under_another_label_are_events(label: str | None, lead: bytes) -> None:
    lines: list[str] = []
    reply, pieces = run(Listed(lead + TEXT[:10], TEXT[10:], DONE, headers=kind(label)), lines=lines)
    assert b"".join(pieces) == lead + TEXT + DONE
    assert reply.headers.get("content-type") == "text/event-stream; charset=utf-8"
    reply, answer = assembled(lead, TEXT, DONE, headers=kind(label))
    assert answer["choices"][0]["message"]["content"] == "Paris"
    body = lead + TEXT + STOP + DONE
    short = (*kind(label), ("content-length", str(len(body))))
    assert assembled(body, headers=short)[1]["choices"][0]["message"]["content"] == "Paris"


def test_an_encoding_that_is_none_is_none() -> None:
    headers = (*SSE, ("content-encoding", "none"))
    reply, pieces = run(Listed(TEXT, DONE, headers=headers))
    assert b"".join(pieces) == TEXT + DONE and "content-encoding" not in reply.headers
    packed = gzip.compress(TEXT + DONE)
    _, pieces = run(Listed(packed[:20], packed[20:], headers=(*SSE, ("content-encoding", "gzip"))))
    assert b"".join(pieces) == TEXT + DONE


def test_json_that_was_asked_for_stays_json_whatever_it_begins_with() -> None:
    body = b'{"model":"m"}'
    _, pieces = run(Listed(b"data: no stream was asked for", headers=kind("text/plain")), request(body=body))
    assert pieces == [b"data: no stream was asked for"]


@pytest.mark.parametrize("error", [{"error": {"message": "no credit", "status": 402}}, [{"error": {"message": "x"}}]])
def test_a_json_error_that_is_labelled_a_stream_is_that_error(error: Any) -> None:
    data = json.dumps(error).encode()
    (inner,) = error if isinstance(error, list) else (error,)
    _, pieces = run(Listed(data[:9], data[9:]))
    (event,) = sse.objects(b"".join(pieces))
    assert event["error"]["message"] == inner["error"]["message"]
    reply, answer = assembled(data)
    assert reply.status == inner["error"].get("status", 502)
    assert answer["error"]["message"] == inner["error"]["message"]


def test_a_json_answer_that_is_labelled_a_stream_is_no_stream() -> None:
    data = json.dumps({"id": "c", "choices": [{"index": 0, "message": {"content": "Paris"}}]}).encode()
    _, pieces = run(Listed(data))
    (event,) = sse.objects(b"".join(pieces))
    assert event["error"]["code"] == "upstream_not_streaming"
    reply, answer = assembled(data)
    assert (reply.status, reply.headers.get("content-type")) == (200, "application/json")
    assert answer["choices"][0]["message"]["content"] == "Paris"


def test_a_secret_in_a_mislabelled_error_does_not_get_out() -> None:
    error = json.dumps({"error": {"message": f"bad key {HELD['OPENAI_API_KEY']}"}}).encode()
    for incoming in (request(), request(body=PLAIN, deadline=30)):
        reply, pieces = run(Listed(error), incoming, settings=HELD)
        assert b"bad key" in b"".join(pieces) and HELD["OPENAI_API_KEY"].encode() not in b"".join(pieces), reply


# --- refusals and redirects


@pytest.mark.parametrize("settings", [{}, HELD])
def test_a_refusal_in_plain_text_keeps_its_words(settings: dict[str, str]) -> None:
    text = "Failed to deserialize: unknown variant `developer`, expected `system`"
    refused = Listed(text.encode(), status=422, headers=kind("text/plain; charset=utf-8"))
    reply, _ = run(refused, settings=settings)
    error = error_of(reply)
    assert (reply.status, error["message"], error["code"]) == (422, text, "upstream_status_422")
    leaking = Listed(b"bad key sk-held-0123456789abcdef", status=401, headers=kind("text/plain"))
    reply, _ = run(leaking, settings=HELD)
    assert b"bad key" in reply.body and b"0123456789abcdef" not in reply.body  # type: ignore[operator]


@pytest.mark.parametrize("page", [b"<html><body>502</body></html>", b" \n<!DOCTYPE html>", b"\xff\xfe", b""])
def test_a_page_is_still_replaced(page: bytes) -> None:
    reply, _ = run(Listed(page, status=502, headers=kind("text/plain")))
    assert "gateway" in error_of(reply)["message"]


def test_a_refusal_of_our_field_in_plain_text_is_understood() -> None:
    class Picky(Listed):
        async def send(self, outgoing: Any) -> Any:
            if b"stream_options" in outgoing.body:
                self.sent.append(outgoing)
                refused = Listed(b"unknown field `stream_options`", status=422, headers=kind("text/plain"))
                return await refused.send(outgoing)
            return await super().send(outgoing)

    upstream = Picky(b'{"id":"c","choices":[]}', headers=kind("application/json"))
    reply, pieces = run(upstream, request(body=PLAIN, deadline=30))
    assert reply.status == 200 and b"".join(pieces) == b'{"id":"c","choices":[]}' and len(upstream.sent) == 2


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/chat/completions"), ("GET", "/v1/models")])
def test_a_redirect_does_not_lead_away(status: int, method: str, path: str) -> None:
    headers = (("location", "https://elsewhere.example/v1/models"),)
    upstream = Listed(b"", status=status, headers=headers)
    reply, _ = run(upstream, request(path, b"" if method == "GET" else PLAIN, method=method))
    assert reply.status == 502 and error_of(reply)["code"] == "upstream_redirected" and upstream.body.closed
    assert "OPENAI_BASE_URL" in error_of(reply)["message"]


def test_a_redirect_of_what_is_no_inference_is_passed_on() -> None:
    headers = (("location", "https://files.example/x"),)
    reply, _ = run(Listed(b"", status=302, headers=headers), request("/v1/files/f/content", b"", method="GET"))
    assert (reply.status, reply.headers.get("location")) == (302, "https://files.example/x")
