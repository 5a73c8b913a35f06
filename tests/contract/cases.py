"""The contract: what holds on every platform, as data. Later adapters add a driver, not cases of their own."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from tests.contract.case import BINARY, CALLER, CHAT, JSON, LOCAL, RAW_PATH, STREAMED, Ask, Case, Want
from tests.support.upstream import END, SSE_HEAD, Cut, Received, chunk, head, stream, whole

OK = whole(b'{"ok":1}')
SERVER_KEY = (("OPENAI_API_KEY", "sk-server"),)
BOTH = (*SERVER_KEY, ("PROXY_KEY", "pk-one,pk-two"))
PROXY_ONLY = (("PROXY_KEY", "pk-one,pk-two"),)


def bearer(key: str, header: str = "Authorization") -> tuple[tuple[str, str], ...]:
    return ((header, f"Bearer {key}" if header == "Authorization" else key), JSON)


def goes_up_with(key: str) -> Callable[[Received], bool]:
    return lambda up: up.header("authorization") == f"Bearer {key}"


def relays(method: str, path: str, body: bytes = b"", kind: str = "application/json", binary: bool = False) -> Case:
    """Method, path, query and body reach the upstream as they are, and its answer comes back as it is."""
    target = path.partition("/v1")[2]
    answer = bytes(range(256)) * 4 if binary else b'{"id":"x","n":2.50}'
    back = "application/octet-stream" if binary else "application/json"

    def same(up: Received) -> bool:
        return (up.method, up.target, up.body, up.header("content-type")) == (
            method,
            f"/v1{target}",
            body,
            kind if body else None,
        )

    headers = (CALLER[0], ("Content-Type", kind)) if body else (CALLER[0],)
    return Case(
        f"relays {method} {path}",
        Ask(method, path, headers, body),
        whole(answer, kind=back),
        Want(200, answer, headers={"content-type": back}, up=same),
        frozenset({RAW_PATH, BINARY} if binary or kind.startswith("multipart") else {RAW_PATH}),
    )


def reaches(path: str, target: str = "chat/completions") -> Case:
    return Case(
        f"base URL: {path}",
        Ask(path=path),
        OK,
        Want(200, b'{"ok":1}', up=lambda up: up.target == f"/v1/{target}"),
        frozenset({RAW_PATH}),
    )


def local(
    name: str, ask: Ask, status: int, code: str, settings: tuple[tuple[str, str], ...] = (), says: str = ""
) -> Case:
    """Answered by us, in OpenAI's shape, with CORS, and never seen upstream."""
    headers: dict[str, str | None] = {
        "access-control-allow-origin": "*",
        "content-type": "application/json; charset=utf-8",
    }
    return Case(name, ask, OK, Want(status, None, code, says, headers, LOCAL), frozenset(), settings)


def lets_in(
    name: str, key: str, up: str, settings: tuple[tuple[str, str], ...], header: str = "Authorization", path: str = ""
) -> Case:
    ask = Ask(path=path or "/v1/chat/completions", headers=bearer(key, header))
    return Case(f"access: {name}", ask, OK, Want(200, b'{"ok":1}', up=goes_up_with(up)), frozenset(), settings)


MULTIPART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nID3\x00\xff\xfe\r\n--b--\r\n'
EXACT = '{ "model":"gpt-4o","seed":12345678901234567890, "temperature":2.50,"x":"\\ud800","你":"好" ,"a":1}'.encode()

RELAYS = (
    relays("POST", "/v1/chat/completions", EXACT),
    relays("POST", "/v1/completions", b'{"model":"m","prompt":"x"}'),
    relays("POST", "/v1/responses", b'{"model":"m","input":"x"}'),
    relays("POST", "/v1/embeddings", b'{"model":"m","input":"x"}'),
    relays("POST", "/v1/moderations", b'{"input":"x"}'),
    relays("GET", "/v1/models"),
    relays("GET", "/v1/models/meta-llama%2FLlama-3"),
    relays("GET", "/v1/models/a%7Eb:c@d"),
    relays("POST", "/v1/images/generations", b'{"prompt":"x","moderation":"low"}'),
    relays("POST", "/v1/audio/transcriptions", MULTIPART, "multipart/form-data; boundary=b"),
    relays("POST", "/v1/audio/speech", b'{"input":"x"}', binary=True),
    relays("POST", "/v1/files", MULTIPART, "multipart/form-data; boundary=b"),
    relays("GET", "/v1/files/f-1/content", binary=True),
    relays("GET", "/v1/files?limit=2&after=a%2Fb&purpose="),
    relays("DELETE", "/v1/files/f-1"),
    relays("POST", "/v1/batches", b'{"input_file_id":"f-1"}'),
    relays("GET", "/v1/something-new/x"),
    relays("PUT", "/v1/something-new", b'{"a":1}'),
)

SPELLINGS = (
    *(
        reaches(path)
        for path in (
            "/v1/chat/completions",
            "/chat/completions",
            "/v1/v1/chat/completions",
            "//v1/chat/completions",
            "/v1//chat/completions/",
            "/release/v1/chat/completions",
            "/prod/v1/chat/completions",
            "/prod/chat/completions",
            "/my-function/v1/chat/completions",
            "/v1/chat/completions/chat/completions",
            "/v1/chat/completions/v1/chat/completions",
            "/https://api.openai.com/v1/chat/completions",
            "/v1/https://api.openai.com/v1/chat/completions",
        )
    ),
    reaches("/v1/chat/completions/models", "models"),
    reaches("/v1/models/v1", "models/v1"),
)

PATHS = (
    *(
        local(f"path: {path}", Ask("GET", path), 404, "unknown_path")
        for path in ("/wp-login.php", "/.env", "/api/v1/pods", "/v2/chat/completions", "/favicon.ico")
    ),
    *(
        local(f"path: {path}", Ask("GET", path), 400, "bad_path")
        for path in ("/v1/../admin", "/v1/%2e%2e/admin", "/v1/models/..%2Ffiles", "/%04%7F", "/v1/models/a%00b")
    ),
    local("realtime", Ask("GET", "/v1/realtime", (*CALLER, ("Upgrade", "websocket")), b""), 501, "not_offered"),
)

OPEN = (("OPENAI_API_KEY", "sk-server"), ("ALLOW_ANONYMOUS", "1"))
ACCESS = (
    lets_in("nothing configured, own key", "sk-caller", "sk-caller", ()),
    lets_in("own key as api-key", "sk-caller", "sk-caller", (), "api-key"),
    lets_in("own key as x-api-key", "sk-caller", "sk-caller", (), "x-api-key"),
    lets_in("own key and proxy key", "sk-a:b:pk-two", "sk-a:b", PROXY_ONLY),
    lets_in("server key, proxy key", "pk-two", "sk-server", BOTH),
    lets_in("server key, anything and proxy key", "sk-x:pk-one", "sk-server", BOTH),
    lets_in("server key, proxy key as api-key", "pk-one", "sk-server", BOTH, "api-key"),
    lets_in("server key, anybody on purpose", "sk-x", "sk-server", OPEN),
    lets_in("ALLOW_PATHS", "pk-one", "sk-server", (*BOTH, ("ALLOW_PATHS", "/v1/files,batches")), path="/v1/files/f"),
    lets_in("ALLOW_PATHS=*", "pk-one", "sk-server", (*BOTH, ("ALLOW_PATHS", "*")), path="/v1/files"),
    local(
        "access: another path than ALLOW_PATHS",
        Ask("GET", "/v1/files", bearer("pk-one"), b""),
        403,
        "path_not_allowed",
        (*BOTH, ("ALLOW_PATHS", "batches,uploads")),
    ),
    local("access: no key", Ask(headers=(JSON,)), 401, "missing_api_key", says="Authorization: Bearer"),
    local("access: proxy key missing", Ask(headers=(JSON,)), 401, "missing_api_key", BOTH),
    local("access: proxy key wrong", Ask(headers=bearer("pk-three")), 401, "invalid_api_key", BOTH),
    local("access: own key but no proxy key", Ask(headers=bearer("sk-a")), 401, "invalid_api_key", PROXY_ONLY),
    local("access: proxy key but no own key", Ask(headers=bearer("pk-one")), 401, "missing_api_key", PROXY_ONLY),
    local("access: colon and no own key", Ask(headers=bearer(":pk-one")), 401, "missing_api_key", PROXY_ONLY),
    local("access: proxy key twice", Ask(headers=bearer("pk-one:pk-two")), 401, "invalid_api_key", PROXY_ONLY),
    local(
        "access: proxy key behind another",
        Ask(headers=bearer("sk-o:pk-one:pk-one")),
        401,
        "invalid_api_key",
        PROXY_ONLY,
    ),
    local("access: Bearer twice", Ask(headers=bearer("Bearer sk-o")), 401, "invalid_api_key"),
    local("access: minted key behind Bearer", Ask(headers=bearer("Bearer sk-sluice-a")), 401, "invalid_api_key"),
    local("access: minted key", Ask(headers=bearer("sk-sluice-abc")), 401, "invalid_api_key"),
    local("access: no key with a proxy key set", Ask(headers=(JSON,)), 401, "missing_api_key", PROXY_ONLY),
    local("access: not protected", Ask(), 403, "proxy_not_protected", SERVER_KEY, "PROXY_KEY"),
    *(
        local(f"access: {method} {path}", Ask(method, path, bearer("pk-one"), b""), 403, "path_not_allowed", BOTH)
        for method, path in (
            ("GET", "/v1/files"),
            ("POST", "/v1/batches"),
            ("GET", "/v1/responses/resp_1"),
            ("GET", "/v1/chat/completions"),
            ("DELETE", "/v1/models/x"),
            ("POST", "/v1/fine_tuning/jobs"),
            ("GET", "/v1/chat/completions/x"),
        )
    ),
    *(
        Case(
            f"access: inference {method} {path}",
            Ask(method, path, bearer("pk-one"), b"{}" if method == "POST" else b""),
            OK,
            Want(200, up=goes_up_with("sk-server")),
            frozenset(),
            BOTH,
        )
        for method, path in (
            ("POST", "/v1/responses"),
            ("POST", "/v1/audio/speech"),
            ("POST", "/v1/images/edits"),
            ("GET", "/v1/models"),
            ("GET", "/v1/models/x"),
        )
    ),
)

SENT = (
    ("Authorization", "Bearer sk-caller"),
    ("User-Agent", "app/1"),
    ("Idempotency-Key", "i-1"),
    ("X-Stainless-Lang", "python"),
    ("OpenAI-Beta", "assistants=v2"),
    ("OpenAI-Organization", "org-1"),
    ("X-Mine", "1"),
    ("Cookie", "c=1"),
    ("Origin", "https://a.example"),
    ("Forwarded", "for=1.2.3.4"),
    ("X-Forwarded-For", "1.2.3.4"),
    ("X-Real-IP", "1.2.3.4"),
    ("CF-Connecting-IP", "1.2.3.4"),
    ("X-Scf-Secret-Key", "s"),
    ("X-Amzn-Trace-Id", "t"),
    ("X-Unknown", "1"),
    JSON,
)
_ALWAYS = {"host", "authorization", "user-agent", "idempotency-key", "x-stainless-lang", "openai-beta", "content-type"}
_ALWAYS |= {"accept-encoding", "content-length"}


def _names(up: Received) -> set[str]:
    return {name.lower() for name, _ in up.headers}


ANSWERED = whole(
    b"{}",
    200,
    ("x-request-id", "req_1"),
    ("openai-processing-ms", "5"),
    ("openai-organization", "org-owner"),
    ("x-ratelimit-remaining-tokens", "9"),
    ("Set-Cookie", "a=b"),
    ("Server", "cloudflare"),
    ("Strict-Transport-Security", "max-age=1"),
)

HEADERS = (
    Case(
        "headers up in pass-through",
        Ask(headers=SENT),
        OK,
        Want(up=lambda up: _names(up) - {"connection"} == _ALWAYS | {"openai-organization", "x-mine"}),
        settings=(("FORWARD_HEADERS", "X-Mine"),),
    ),
    Case(
        "headers up with the server's key",
        Ask(headers=(("Authorization", "Bearer pk-one"), *SENT[1:])),
        OK,
        Want(up=lambda up: _names(up) - {"connection"} == _ALWAYS),
        settings=BOTH,
    ),
    Case(
        "headers back in pass-through",
        Ask(),
        ANSWERED,
        Want(
            headers={
                "x-request-id": "req_1",
                "openai-processing-ms": "5",
                "openai-organization": "org-owner",
                "x-ratelimit-remaining-tokens": "9",
                "set-cookie": None,
                "strict-transport-security": None,
                "access-control-allow-origin": "*",
            }
        ),
    ),
    Case(
        "headers back with the server's key",
        Ask(headers=bearer("pk-one")),
        ANSWERED,
        Want(headers={"openai-organization": None, "openai-processing-ms": "5"}),
        settings=BOTH,
    ),
    Case(
        "preflight",
        Ask(
            "OPTIONS",
            headers=(
                ("Origin", "https://a.example"),
                ("Access-Control-Request-Method", "POST"),
                ("Access-Control-Request-Headers", "authorization,x-custom"),
                ("Access-Control-Request-Private-Network", "true"),
            ),
            body=b"",
        ),
        OK,
        Want(
            204,
            b"",
            headers={
                "access-control-allow-origin": "*",
                "access-control-allow-methods": "POST",
                "access-control-allow-headers": "authorization,x-custom",
                "access-control-allow-private-network": "true",
            },
            up=LOCAL,
        ),
        settings=SERVER_KEY,
    ),
    Case(
        "CORS for a listed origin",
        Ask(headers=(*CALLER, ("Origin", "https://b.example"))),
        OK,
        Want(headers={"access-control-allow-origin": "https://b.example", "vary": "Origin"}),
        settings=(("ALLOW_ORIGINS", "https://a.example,https://b.example"),),
    ),
    Case(
        "CORS for another origin",
        Ask(headers=(*CALLER, ("Origin", "https://evil.example"))),
        OK,
        Want(headers={"access-control-allow-origin": None, "vary": "Origin"}),
        settings=(("ALLOW_ORIGINS", "https://a.example,https://b.example"),),
    ),
    Case(
        "headers of an event stream",
        Ask(body=STREAMED),
        stream(b"data: [DONE]\n\n"),
        Want(200, b"data: [DONE]\n\n", headers={"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}),
    ),
)

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
        "upstream's redirect is not followed",
        Ask(),
        whole(b"", 307, ("Location", "https://x.example/")),
        Want(307, headers={"location": "https://x.example/"}),
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
    ),
)

CASES: tuple[Case, ...] = (*RELAYS, *SPELLINGS, *PATHS, *ACCESS, *HEADERS, *ERRORS, *OWN, *EASYCHEN)
__all__ = ["CASES", "CHAT", "END"]
