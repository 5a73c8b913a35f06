"""The contract: errors, our own pages, and the body fields of an earlier proxy."""

from __future__ import annotations

import gzip

from tests.contract.parts import OK, SERVER_KEY, local
from tests.support.case import CALLER, JSON, LOCAL, REWRITES, STREAMED, Ask, Case, Want
from tests.support.upstream import SSE_HEAD, Cut, chunk, head, whole

HTML = b"<html><title>502 Bad Gateway</title></html>"
JSON_ERROR = b'{"error": {"message": "no such model",  "type": "x", "param": null, "code": "model_not_found"}}'
ERRORS = (
    Case(
        "upstream's JSON error passes untouched",
        Ask(),
        whole(JSON_ERROR, 404, ("x-should-retry", "true")),
        Want(404, JSON_ERROR, headers={"x-should-retry": "true", "access-control-allow-origin": "*"}),
    ),
    Case(
        "upstream's JSON error with a wrong type passes untouched",
        Ask(),
        whole(JSON_ERROR, 400, kind="text/plain"),
        Want(400, JSON_ERROR),
    ),
    Case(
        "upstream's HTML page becomes JSON",
        Ask(),
        whole(HTML, 502, kind="text/html"),
        Want(502, code="upstream_status_502"),
    ),
    Case("upstream's empty error becomes JSON", Ask(), whole(b"", 503), Want(503, code="upstream_status_503")),
    Case(
        "upstream's packed HTML page becomes JSON",
        Ask(),
        whole(gzip.compress(HTML), 429, ("Content-Encoding", "gzip"), ("Retry-After", "3"), kind="text/html"),
        Want(429, code="upstream_status_429", headers={"content-encoding": None, "retry-after": "3"}),
    ),
    Case(
        "upstream's redirect of a model's call is neither followed nor passed on",
        Ask(),
        whole(b"", 307, ("Location", "https://x.example/")),
        Want(502, code="upstream_redirected", headers={"location": None}),
    ),
    Case("upstream hangs up", Ask(), (Cut(),), Want(502, code="upstream_disconnected")),
    Case(
        "upstream hangs up within a short answer",
        Ask(),
        (head(200, JSON, ("Content-Length", "9")) + b"{", Cut()),
        Want(502, code="upstream_disconnected"),
    ),
    Case(
        "upstream cut in an event stream",
        Ask(body=STREAMED),
        (SSE_HEAD, chunk(b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'), Cut()),
        Want(200, says="upstream_disconnected"),
        frozenset({REWRITES}),
    ),
    Case(
        "upstream down",
        Ask(),
        OK,
        Want(502, code="upstream_unreachable"),
        settings=(("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),),
    ),
    local("body too large", Ask(body=b"x" * 2000), 413, "body_too_large", (("MAX_BODY_MB", "0.001"),), "0.001 MB"),
    local("duplicate key where one is removed", Ask(body=b'{"moderation":true,"a":1,"a":2}'), 400, "duplicate_key"),
)

OWN = (
    Case("healthz", Ask("GET", "/healthz", (), b""), OK, Want(200, b'{"status": "ok"}', up=LOCAL)),
    Case(
        "healthz behind a stage", Ask("GET", "/release/healthz", (), b""), OK, Want(200, b'{"status": "ok"}', up=LOCAL)
    ),
    Case("readyz", Ask("GET", "/readyz", (), b""), OK, Want(200, says='"access": "own-key"', up=LOCAL)),
    Case(
        "readyz when closed",
        Ask("GET", "/readyz", (), b""),
        OK,
        Want(200, says="every call is refused", up=LOCAL),
        settings=SERVER_KEY,
    ),
    local("readyz?deep=1 needs a caller", Ask("GET", "/readyz?deep=1", (), b""), 401, "missing_api_key"),
    Case(
        "readyz?deep=1",
        Ask("GET", "/readyz?deep=1", CALLER, b""),
        OK,
        Want(200, says='"upstream": {"status": 200', up=lambda up: up.target == "/v1/models"),
    ),
    Case(
        "readyz?deep=1 and a wrong key",
        Ask("GET", "/readyz?deep=1", CALLER, b""),
        whole(b"{}", 401),
        Want(503, says='"status": "upstream_failed"'),
    ),
    Case(
        "the page",
        Ask("GET", "/", (("Host", "llm.example"),), b""),
        OK,
        Want(200, says="llm.example/v1", headers={"content-type": "text/html; charset=utf-8"}, up=LOCAL),
    ),
    local("the page switched off", Ask("GET", "/", (), b""), 404, "unknown_path", (("CONSOLE", "off"),)),
    Case(
        "help",
        Ask("GET", "/help", (), b""),
        OK,
        Want(200, says='id="proxy_not_protected"', headers={"content-type": "text/html; charset=utf-8"}, up=LOCAL),
        settings=(*SERVER_KEY, ("CONSOLE", "off")),
    ),
    Case("help behind a stage", Ask("GET", "/release/help?lang=zh", (), b""), OK, Want(200, says="解决办法", up=LOCAL)),
    Case("llms.txt", Ask("GET", "/llms.txt", (), b""), OK, Want(200, says="docs/keys.md", up=LOCAL)),
    local(
        "llms-full.txt switched off", Ask("GET", "/llms-full.txt", (), b""), 404, "unknown_path", (("CONSOLE", "off"),)
    ),
    local("healthz asked wrongly", Ask("POST", "/healthz", (), b""), 405, "method_not_allowed"),
)

EASYCHEN = (
    Case(
        "easychen's fields are removed and nothing else changes",
        Ask(body=b'{"moderation":true, "seed":2.50,"messages":[{"moderation":1}] ,"moderation_level":"high"}'),
        OK,
        Want(
            200,
            headers={"x-sluice-moderation": "off"},
            up=lambda up: up.body == b'{"seed":2.50,"messages":[{"moderation":1}]}',
        ),
        settings=(("ASSEMBLE", "off"),),
    ),
)
