"""The contract: what is relayed, and every spelling of a path."""

from __future__ import annotations

from dataclasses import replace

from tests.contract.parts import OK, local
from tests.support.case import BINARY, CALLER, DOTS, RAW_PATH, Ask, Case, Want
from tests.support.upstream import Received, whole

WEBSOCKET = (
    *(("Connection", "Upgrade"), ("Upgrade", "websocket")),
    *(("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13")),
)


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
        (("ASSEMBLE", "off"),),  # gateways with short limits would ask for a stream otherwise
    )


def reaches(path: str, target: str = "chat/completions") -> Case:
    return Case(
        f"base URL: {path}",
        Ask(path=path),
        OK,
        Want(200, b'{"ok":1}', up=lambda up: up.target == f"/v1/{target}"),
        frozenset({RAW_PATH}),
    )


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
            "/api/v3/chat/completions",
            "/api/coding/v3/chat/completions",
            "/api/paas/v4/chat/completions",
            "/v2/chat/completions",
            "/v3/openai/chat/completions",
            "/v1beta/openai/chat/completions",
            "/openai/deployments/my-gpt/chat/completions",
            "/openai/deployments/models/chat/completions",
            "/release/api/paas/v4/chat/completions",
            "/api/v3/chat/completions/chat/completions",
            "/https://ark.cn-beijing.volces.com/api/v3/chat/completions",
        )
    ),
    reaches("/v1/chat/completions/models", "models"),
    reaches("/v1/models/v1", "models/v1"),
    reaches("/v1beta/openai/models", "models"),
    reaches("/api/v3/models/openai/gpt-4o", "models/openai/gpt-4o"),
    reaches("/openai/deployments/my-gpt/embeddings", "embeddings"),
    reaches("/openai/deployments/my-gpt/audio/speech", "audio/speech"),
    reaches("/api/v3/responses", "responses"),
    reaches("/release/dashboard/billing/usage", "dashboard/billing/usage"),
)

PATHS = (
    *(
        local(f"path: {path}", Ask("GET", path), 404, "unknown_path")
        for path in ("/wp-login.php", "/.env", "/api/v1/pods", "/v2/pods", "/api/v3/files", "/favicon.ico")
    ),
    *(
        local(f"path: {path}", Ask("GET", path), 400, "bad_path")
        for path in ("/v1/models/..%2Ffiles", "/%04%7F", "/v1/models/a%00b")
    ),
    *(
        replace(local(f"path: {path}", Ask("GET", path), 400, "bad_path"), needs=frozenset({DOTS}))
        for path in ("/v1/../admin", "/v1/%2e%2e/admin")
    ),
    local("realtime", Ask("GET", "/v1/realtime", (*CALLER, *WEBSOCKET), b""), 501, "not_offered", says="Realtime"),
    *(
        local(f"a WebSocket at {path}", Ask("GET", path, (*headers, *WEBSOCKET), b""), 426, "websocket_not_offered")
        for path, headers in (("/v1/responses", CALLER), ("/responses", ()), ("/v1/chat/completions", ()), ("/", ()))
    ),
    local(
        "a WebSocket whose Upgrade a gateway has dropped",
        Ask("GET", "/v1/responses", (*CALLER, *WEBSOCKET[2:]), b""),
        426,
        "websocket_not_offered",
        says='"message": "WebSocket is not offered here.',
    ),
    local("a WebSocket at a path that is not there", Ask("GET", "/nothing", WEBSOCKET, b""), 404, "unknown_path"),
)
