"""An upstream's error that quotes the owner's key does not hand it to callers, however it is written."""

from __future__ import annotations

import base64
import gzip
import json
import time
from urllib.parse import quote

import pytest

from proxy.access import redaction
from tests.conftest import Serve
from tests.support.client import Connection, call
from tests.support.talk import CHAT, KEY, PLAIN, QUICK
from tests.support.upstream import SSE_HEAD, Script, Upstream, Wait, chunk, head, whole

HELD = "sk-proj-Zq81LmXw04TtRbYc77"
OTHER = "AIzaSyD3m0Key9XkQ2"
SIGNING, CHECKING, CLOUD = "signing-7d1f09c3ab52e4486f", "sk-mod-42Qx8LrTzP", "tms-9bA0c7Zk31Vu"
HEADER = "gateway-token-55aa66bb"
PROXY = "pk-5f0c9a7b21de"
UPSTREAMS = [
    {"name": "one", "base_url": "URL", "keys": [HELD, OTHER], "headers": {"x-gateway": HEADER}},
]
MORE = {
    "SIGNING_SECRET": SIGNING,
    "MODERATION_OPENAI_KEY": CHECKING,
    "TMS_SECRET_ID": "AKIDx9bA0c7Zk31Vuw2",
    "TMS_SECRET_KEY": CLOUD,
}
ASK = (("Authorization", f"Bearer {PROXY}"), KEY[1])
BASE64 = base64.b64encode(f"user:{OTHER}".encode())


def settings(upstream: Upstream) -> dict[str, str]:
    told = json.dumps(UPSTREAMS).replace("URL", upstream.url)
    return {"UPSTREAMS": told, "PROXY_KEY": PROXY, "ASSEMBLE": "off", "OPENAI_BASE_URL": "", **MORE}


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(one):04x}" for one in text)


def error(message: str) -> bytes:
    return f'{{"error": {{"message": "{message}", "type": "x", "param": null, "code": "bad"}}}}'.encode()


QUOTED = {
    "whole": (error(f"Incorrect API key provided: {HELD}."), HELD[8:]),
    "another key": (error(f"API key not valid: {OTHER}"), OTHER),
    "a header": (error(f"The token {HEADER} is not known"), HEADER),
    "the proxy key": (error(f"{PROXY} is no key"), PROXY),
    "the secret that signs": (error(f"{SIGNING} is no key"), SIGNING),
    "a moderator's key": (error(f"{CHECKING} is no key"), CHECKING),
    "a cloud's key": (error(f"{CLOUD} is no key"), CLOUD),
    "in part": (error(f"The key that begins with {HELD[:14]} is not known"), HELD[8:14]),
    "its end": (error(f"The key that ends in {OTHER[-9:]} is not known"), OTHER[-9:]),
    "masked": (error(f"Incorrect API key provided: sk-proj-************{HELD[-4:]}."), HELD[-4:]),
    "masked, without a name": (error(f"Key ****{OTHER[-4:]} is not valid"), OTHER[-4:]),
    "with dots": (error(f"Key {OTHER[:5]}...{OTHER[-3:]} is not valid"), OTHER[-3:]),
    "JSON-escaped": (error(escaped(HELD)), escaped(HELD)[6:]),
    "base64": (
        error(base64.b64encode(f"user:{OTHER}".encode()).decode()),
        base64.b64encode(OTHER.encode()).decode()[4:16],
    ),
    "percent-encoded": (error(quote(f"key={HEADER}&x")), HEADER),
    "in the member's name": (f'{{"error": {{"{HELD}": 1}}}}'.encode(), HELD),
    "deep down": (json.dumps({"error": {"message": "x", "more": [[{"a": HELD}]]}}).encode(), HELD),
    "a member that is there twice": (f'{{"error": "{HELD}", "error": "x"}}'.encode(), HELD),
    "twice and escaped": (f'{{"error": "{escaped(HELD)}", "error": "x"}}'.encode(), escaped(HELD)[6:]),
    "UTF-16": (error(HELD).decode().encode("utf-16"), HELD),
    "no JSON": (b"{ key: " + HELD.encode(), HELD),
    "half a JSON": (error(HELD)[:-3], HELD),
    "a text": (HELD.encode(), HELD),
    "very long": (error("x" * 70_000 + HELD), HELD),
    "very deep": (b"[" * 5000 + b'"' + HELD.encode() + b'"' + b"]" * 5000, HELD),
}


def cut(body: bytes, kind: str = "application/json") -> Script:
    """The body in chunks of seven bytes."""
    pieces = [chunk(body[at : at + 7]) for at in range(0, min(len(body), 700), 7)]
    rest = [chunk(body[700:])] if len(body) > 700 else []
    return (
        head(401, ("Content-Type", kind), ("Transfer-Encoding", "chunked"), ("X-Request-Id", f"req-{HELD}")),
        *pieces,
        *rest,
        b"0\r\n\r\n",
    )


@pytest.mark.parametrize("name", QUOTED)
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_the_owner_s_secrets_are_blackened(name: str, kind: str, upstream: Upstream, serve: Serve) -> None:
    body, secret = QUOTED[name]
    server = serve(**settings(upstream))
    upstream.play(cut(body, kind))
    result = call(server.port, "POST", "/v1/chat/completions", ASK, PLAIN)
    assert result.status == 401
    said = result.body.decode()
    assert secret not in said and HELD not in said and json.loads(said)["error"]
    assert HELD not in json.dumps(result.headers)
    assert secret not in "".join(server.raw_lines[-1:])


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_a_compressed_error_is_opened_or_replaced(encoding: str, upstream: Upstream, serve: Serve) -> None:
    packed = gzip.compress(error(f"No such key: {HELD}")) if encoding == "gzip" else b"\x0b\x02\x80" + HELD.encode()
    upstream.play(whole(packed, 400, ("Content-Encoding", encoding)))
    result = call(serve(**settings(upstream)).port, "POST", "/v1/chat/completions", ASK, PLAIN)
    assert result.status == 400 and result.header("content-encoding") is None
    assert HELD.encode() not in result.body and json.loads(result.body)["error"]["message"]


def test_an_error_after_pings_is_blackened_too(upstream: Upstream, serve: Serve) -> None:
    body = error(f"No such key: {HELD}")
    upstream.play((Wait(), *whole(body, 400)))
    connection = Connection(serve(**settings(upstream), **QUICK).port)
    connection.send("POST", "/v1/chat/completions", ASK, CHAT)
    result = connection.head()
    writes = connection.writes(result)
    assert next(writes) == b": ping\n\n"
    upstream.proceed()
    assert result.status == 200 and b"No such key: [redacted]" in b"".join(writes)
    connection.close()


@pytest.mark.parametrize(
    "bad",
    [
        f'data: {{"error": {{"message": "No such key: {HELD}"}}}}\n\n',
        f'event: error\r\ndata: {{"type":"error","error":{{"message":"{escaped(HELD)}"}}}}\r\n\r\n',
        f'event: response.failed\ndata: {{"response":{{"error":{{"message":"{OTHER}"}}}}}}\n\n',
        f"event: error\ndata: the key {HELD} is not known\n\n",
    ],
)
def test_an_error_within_a_stream_is_blackened(bad: str, upstream: Upstream, serve: Serve) -> None:
    text = f'data: {{"choices":[{{"index":0,"delta":{{"content":"error {HELD}"}}}}]}}\n\n'.encode()
    upstream.play((SSE_HEAD, chunk(text), chunk(text + bad.encode()), b"0\r\n\r\n"))
    body = call(serve(**settings(upstream)).port, "POST", "/v1/chat/completions", ASK, CHAT).body
    assert body.startswith(text * 2), "what a model says passes as it is"
    rest = body[len(text) * 2 :].decode()
    assert "[redacted]" in rest and not [one for one in (HELD, OTHER, escaped(HELD)[6:]) if one in rest]
    assert rest.endswith(bad[-2:]) and rest.splitlines()[0] == (bad.splitlines()[0] if "event:" in bad else rest[:-2])


@pytest.mark.parametrize("asked", [PLAIN, CHAT])
def test_an_error_that_quotes_nothing_passes_byte_for_byte(asked: bytes, upstream: Upstream, serve: Serve) -> None:
    body = b'{"error":  {"message": "Your API key may not use this model. \\u4f60...", "code": 2.50, "type": "x"}}'
    upstream.play(whole(body, 403))
    result = call(serve(**settings(upstream)).port, "POST", "/v1/chat/completions", ASK, asked)
    assert (result.status, result.body) == (403, body)


def test_a_caller_s_own_key_is_nothing_of_ours(upstream: Upstream, serve: Serve) -> None:
    body = error("Incorrect API key provided: sk-caller, sk-proj-****9f2c")
    upstream.play(whole(body, 401))
    server = serve(PROXY_KEY=PROXY)
    result = call(server.port, "POST", "/v1/chat/completions", (("Authorization", f"Bearer sk-caller:{PROXY}"),), PLAIN)
    assert result.body == body


def test_an_answer_is_not_touched(upstream: Upstream, serve: Serve) -> None:
    server = serve(**settings(upstream))
    body = json.dumps({"text": f"{HELD} ****{HELD[-4:]}"}).encode()
    upstream.play(whole(body))
    assert call(server.port, "POST", "/v1/chat/completions", ASK, PLAIN).body == body
    event = f"data: {HELD}\n\n".encode()
    upstream.play((SSE_HEAD, chunk(event), b"0\r\n\r\n"))
    assert call(server.port, "POST", "/v1/chat/completions", ASK, CHAT).body == event


SECRETS = (HELD, OTHER, HEADER, PROXY, "application/json", "abc", "my-long-password-message")


@pytest.mark.parametrize(
    "text",
    [
        "The message must not be empty; see https://example.com/docs/errors...",
        "max_tokens: 20000 **bold** xxxx 2026-11-26T00:00:00Z",
        "The password is wrong. A task-based model, disk-full",
        "你好……",
        "",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redaction.redact(text, SECRETS) == text
    assert redaction.redact(text, ("demo",)) == text


@pytest.mark.parametrize(
    "unit", ["a", "sk-", "****", "...", "x", "…", HELD[:8], HELD[:7], OTHER[3:12] + " ", "\\u0073"]
)
def test_looking_takes_time_in_the_length(unit: str) -> None:
    text = unit * (65_536 // len(unit))
    started = time.process_time()
    redaction.redact_body(json.dumps(text).encode(), text, SECRETS * 20)
    assert time.process_time() - started < 5.0
