"""How a request's body is read, depending on the controls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.core import KEY, Listed, error_of, request, run

JSON = (("content-type", "application/json"),)
HELD = {"OPENAI_API_KEY": "sk-server", "ALLOW_ANONYMOUS": "1", "ALLOW_PATHS": "*"}
FORM = ("content-type", "multipart/form-data; boundary=x")


def send(incoming: Any, **settings: str) -> tuple[int, Listed, dict[str, Any]]:
    upstream = Listed(b"{}", headers=JSON)
    reply, _ = run(upstream, incoming, settings=settings)
    return reply.status, upstream, error_of(reply) if reply.status >= 400 else {}


@pytest.mark.parametrize(
    ("extra_headers", "status"),
    [
        ((("content-type", "application/json"),), 200),
        ((("content-type", "application/json; charset=UTF8"),), 200),
        ((("content-encoding", "identity"),), 200),
        ((), 200),
        ((("content-type", ""),), 415),
        ((("content-type", "text/plain"),), 415),
        ((("content-type", "application/json"), ("content-type", "text/plain")), 415),
        ((("content-encoding", "gzip"),), 415),
        ((FORM,), 415),
    ],
)
def test_under_a_control_a_body_is_json_and_says_so(extra_headers: tuple[tuple[str, str], ...], status: int) -> None:
    for path in ("chat/completions", "batches"):
        incoming = request(f"/v1/{path}", b'{"model":"m"}', headers=(*KEY, *extra_headers))
        status_code, upstream, _ = send(incoming, **HELD)
        assert status_code == status
        if status == 200:
            assert dict(upstream.sent[0].headers)["content-type"].lower().startswith("application/json")
        assert send(incoming)[0] == 200  # a caller's own key: nothing is decided by it


def test_a_call_without_a_body_needs_no_type() -> None:
    assert send(request("/v1/batches/b/cancel", b""), **HELD)[0] == 200
    status, _, error = send(request(body=b""), **HELD)
    assert (status, error["code"]) == (400, "unreadable_body")


def test_a_form_goes_up_unread_where_nothing_in_it_decides() -> None:
    for path, settings, unread in (
        ("audio/transcriptions", {}, True),
        ("audio/transcriptions", HELD, False),
        ("audio/transcriptions", {**HELD, "ALLOW_REFERENCES": "*"}, True),
        ("files", {}, True),
        ("audio/transcriptions", {**HELD, "MAX_BODY_MB": "1"}, False),
        ("audio/transcriptions", {**HELD, "CONTEXT_GUARD": "reject"}, False),
    ):
        body = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--x--\r\n'
        incoming = request(f"/v1/{path}", body, headers=(*KEY, FORM))
        incoming.native = object()
        _, upstream, _ = send(incoming, **settings)
        assert (upstream.sent[0].native is incoming.native) == unread
    incoming = request("/v1/embeddings", body, headers=(*KEY, FORM))
    incoming.native = object()
    assert send(incoming, **HELD)[0] == 415
    incoming = request("/v1/batches", b"\xff", headers=(*KEY, ("content-type", "application/octet-stream")))
    incoming.native = object()
    assert send(incoming, **HELD)[0] == 415


def test_a_long_name_of_a_model_is_not_logged_and_not_looked_up() -> None:
    lines: list[str] = []
    body = json.dumps({"model": "m" * 300, "messages": []}).encode()
    reply, _ = run(Listed(b"{}", headers=JSON), request(body=body), lines=lines)
    assert reply.status == 200 and "gen_ai.request.model" not in json.loads(lines[-1])


def test_what_a_stage_took_out_stays_out_when_the_body_is_read_again() -> None:
    body = b'{"model":"m","moderation":1,"truncation":"auto","messages":[]}'
    _, upstream, _ = send(request(body=body))
    assert json.loads(upstream.sent[0].body) == {"model": "m", "messages": []}
    _, upstream, _ = send(request(body=b"no json"))
    assert upstream.sent[0].body == b"no json"


@pytest.mark.parametrize(
    ("allow_paths", "path", "status"),
    [
        ("responses/*", "responses/resp_1", 200),
        ("responses", "responses/resp_1", 403),
        ("messages/batches", "messages/batches", 200),
        ("files", "files/file-1", 200),
    ],
)
def test_a_path_below_an_inference_path_is_opened_by_its_own_name(allow_paths: str, path: str, status: int) -> None:
    incoming = request(f"/v1/{path}", b"", method="GET")
    held = {**HELD, "ANTHROPIC_API_KEY": "sk-ant-server"}
    assert send(incoming, **{**held, "ALLOW_PATHS": allow_paths})[0] == status


def test_what_has_to_be_read_and_is_no_object_is_refused() -> None:
    from proxy import startup
    from proxy.access import strict_body
    from proxy.call import Call
    from proxy.errors import BadRequest
    from tests.support.core import host
    from tests.support.slices import scanned

    call = Call(request(), startup.load({}), host(), Listed())
    with pytest.raises(BadRequest):
        strict_body.object_of(call)
    call.body.document = scanned(b'{"model":"m"}')  # where nothing was decided by it
    with pytest.raises(BadRequest):
        strict_body.object_of(call)


def test_a_call_without_a_body_goes_up_where_its_path_is_opened() -> None:
    upstream = Listed(b"{}", headers=(("content-type", "application/json"),))
    settings = {"OPENAI_API_KEY": "sk-server", "ALLOW_ANONYMOUS": "1", "ALLOW_PATHS": "batches/*"}
    reply, _ = run(upstream, request("/v1/batches/b/cancel", b""), settings=settings)
    assert reply.status == 200 and [sent.body for sent in upstream.sent] == [b""]


def test_a_body_that_is_shorter_than_announced_does_not_go_up() -> None:
    status, upstream, error = send(request(body=b"{}", headers=(*KEY, *JSON, ("content-length", "9"))))
    assert (status, error["code"], upstream.sent) == (400, "incomplete_body", [])
