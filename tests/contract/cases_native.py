"""The contract: Anthropic's and Google's own APIs, on every platform."""

from __future__ import annotations

from collections.abc import Callable

from tests.contract.parts import OK, local
from tests.support.case import JSON, REWRITES, Ask, Case, Want
from tests.support.upstream import SSE_HEAD, Cut, Received, chunk, stream, whole

MESSAGES = "/v1/messages?beta=true"
GEMINI = "/v1beta/models/gemini-x:generateContent"
GEMINI_STREAM = "/v1beta/models/gemini-x:streamGenerateContent?alt=sse"
BODY = b'{"model":"claude-x","max_tokens": 9, "messages":[]}'
STREAMED = b'{"model":"claude-x","max_tokens":9,"stream":true,"messages":[]}'
CONTENTS = b'{"contents": [{"parts":[{"text":"Hi"}]}]}'
HELD = (
    ("ANTHROPIC_API_KEY", "sk-ant-server"),
    ("GEMINI_API_KEY", "google-server"),
    ("OPENAI_API_KEY", "sk-server"),
    ("PROXY_KEY", "pk-one"),
)
START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"claude-x","content":[],'
    b'"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
)
BLOCK = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text"}}\n\n'
)
DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    b'"text":"Hi"}}\n\n'
)
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
CHUNK = b'data: {"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"index":0}]}\n\n'
LAST = b'data: {"candidates":[{"content":{"parts":[]},"finishReason":"STOP","index":0}],"usageMetadata":{}}\n\n'
OVERLOADED = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_9"}'
_CUT = frozenset({REWRITES})


def _caller(header: str = "x-api-key", key: str = "sk-caller") -> tuple[tuple[str, str], ...]:
    return ((header, key), JSON)


def _goes_up(target: str, **headers: str | None) -> Callable[[Received], bool]:
    """It goes up to this target, with these headers; None for one that must not."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda up: up.target == target and all(up.header(name) == value for name, value in names.items())


def _to(name: str, ask: Ask, up: Callable[[Received], bool], settings: tuple[tuple[str, str], ...] = ()) -> Case:
    return Case(f"native: {name}", ask, OK, Want(200, b'{"ok":1}', up=up), settings=(("ASSEMBLE", "off"), *settings))


_RATE = "anthropic-ratelimit-tokens-remaining"
_ANTHROPIC = (("request-id", "req_1"), (_RATE, "7"), ("anthropic-organization-id", "org_1"), ("server", "x"))
_CODEX_UP = (
    ("session-id", "s"),
    ("thread-id", "t"),
    ("originator", "codex_cli_rs"),
    ("x-codex-turn-state", "abc"),
    ("x-openai-internal-codex-responses-lite", "true"),
    ("x-openai-subagent", "review"),
)
_CODEX_DOWN = (("x-codex-turn-state", "abc"), ("x-models-etag", "e"), ("x-reasoning-included", "true"))

NATIVE: tuple[Case, ...] = (
    _to(
        "a caller's key in x-api-key",
        Ask(path=MESSAGES, headers=_caller(), body=BODY),
        _goes_up(MESSAGES, x_api_key="sk-caller", authorization=None),
    ),
    _to(
        "a caller's Bearer key",
        Ask(path=MESSAGES, headers=_caller("authorization", "Bearer sk-caller"), body=BODY),
        _goes_up(MESSAGES, x_api_key="sk-caller", authorization=None),
    ),
    _to(
        "a caller's OAuth token stays a Bearer token",
        Ask(path=MESSAGES, headers=_caller("authorization", "Bearer sk-ant-oat01-x"), body=BODY),
        _goes_up(MESSAGES, x_api_key=None, authorization="Bearer sk-ant-oat01-x"),
    ),
    _to(
        "the server's key for Anthropic",
        Ask(path="/v1/messages", headers=_caller(key="pk-one"), body=BODY),
        lambda up: up.header("x-api-key") == "sk-ant-server" and up.body == BODY,
        (*HELD, ("ANTHROPIC_BASE_URL", "{upstream}")),
    ),
    _to(
        "Google's key in the query",
        Ask(path=f"{GEMINI}?key=google-caller&%24alt=json", headers=(JSON,), body=CONTENTS),
        _goes_up(f"{GEMINI}?%24alt=json", x_goog_api_key="google-caller", authorization=None),
    ),
    _to(
        "the server's key for Google",
        Ask(path=f"{GEMINI}?key=pk-one", headers=(JSON,), body=CONTENTS),
        lambda up: up.target == GEMINI and up.header("x-goog-api-key") == "google-server" and up.body == CONTENTS,
        (*HELD, ("GEMINI_BASE_URL", "{upstream}")),
    ),
    _to(
        "v1 of Google's API",
        Ask(path="/v1/models/gemini-x:countTokens", headers=_caller("x-goog-api-key", "k"), body=CONTENTS),
        _goes_up("/v1beta/models/gemini-x:countTokens", x_goog_api_key="k"),
    ),
    _to(
        "headers of Anthropic's API go up",
        Ask(
            path=MESSAGES,
            headers=(*_caller(), ("anthropic-beta", "a,b"), ("anthropic-new-thing", "1"), ("cookie", "c=1")),
            body=BODY,
        ),
        _goes_up(MESSAGES, anthropic_beta="a,b", anthropic_new_thing="1", cookie=None),
    ),
    _to(
        "headers of Codex go up",
        Ask(path="/v1/responses", headers=(*_caller("authorization", "Bearer sk-caller"), *_CODEX_UP), body=b"{}"),
        lambda up: all(up.header(name) == value for name, value in _CODEX_UP),
    ),
    _to(
        "headers of Codex do not go up with a chat",
        Ask(headers=(*_caller("authorization", "Bearer sk-caller"), *_CODEX_UP), body=b"{}"),
        lambda up: not any(up.header(name) for name, _ in _CODEX_UP),
    ),
    Case(
        "native: headers of Anthropic's API come back",
        Ask(path=MESSAGES, headers=_caller(), body=BODY),
        whole(b"{}", 200, *_ANTHROPIC),
        Want(headers={"request-id": "req_1", _RATE: "7", "anthropic-organization-id": "org_1", "server": None}),
    ),
    Case(
        "native: headers of Codex come back",
        Ask(path="/v1/responses", body=b"{}"),
        whole(b"{}", 200, *_CODEX_DOWN),
        Want(headers=dict(_CODEX_DOWN)),
    ),
    Case(
        "native: an overloaded upstream passes untouched",
        Ask(path=MESSAGES, headers=_caller(), body=BODY),
        whole(OVERLOADED, 529, ("retry-after", "3")),
        Want(529, OVERLOADED, headers={"retry-after": "3"}),
    ),
    Case(
        "native: an HTML page becomes an error of Anthropic's",
        Ask(path=MESSAGES, headers=_caller(), body=BODY),
        whole(b"<html>", 503, kind="text/html"),
        Want(503, says='"type": "error", "error": {"message"'),
    ),
    Case(
        "native: an HTML page becomes an error of Google's",
        Ask(path=GEMINI, headers=_caller("x-goog-api-key"), body=CONTENTS),
        whole(b"<html>", 503, kind="text/html"),
        Want(503, says='"status":"UNAVAILABLE"'),
    ),
    Case(
        "native: a stream of Anthropic's passes untouched",
        Ask(path=MESSAGES, headers=_caller(), body=STREAMED),
        stream(START, BLOCK, DELTA, STOP),
        Want(200, START + BLOCK + DELTA + STOP, headers={"content-type": "text/event-stream"}),
    ),
    Case(
        "native: a stream of Google's passes untouched",
        Ask(path=GEMINI_STREAM, headers=_caller("x-goog-api-key"), body=CONTENTS),
        stream(CHUNK, LAST),
        Want(200, CHUNK + LAST, up=_goes_up(GEMINI_STREAM)),
    ),
    Case(
        "native: a cut stream of Anthropic's",
        Ask(path=MESSAGES, headers=_caller(), body=STREAMED),
        (SSE_HEAD, chunk(START + BLOCK), chunk(DELTA), Cut()),
        Want(200, says='event: error\ndata: {"type":"error","error":'),
        _CUT,
    ),
    Case(
        "native: a stream of Anthropic's that ends too early",
        Ask(path=MESSAGES, headers=_caller(), body=STREAMED),
        stream(START, BLOCK, DELTA),
        Want(200, says='"type":"api_error"'),
        _CUT,
    ),
    Case(
        "native: a stream of Google's that ends too early",
        Ask(path=GEMINI_STREAM, headers=_caller("x-goog-api-key"), body=CONTENTS),
        stream(CHUNK),
        Want(200, says='\n\n{"error":{"code":502,'),
        _CUT,
    ),
    local("native: no key for Anthropic's API", Ask(path=MESSAGES, headers=(JSON,), body=BODY), 401, "missing_api_key"),
    local(
        "native: an API that no upstream serves",
        Ask(path=MESSAGES, headers=_caller(key="pk-one"), body=BODY),
        404,
        "api_not_served",
        (
            ("OPENAI_API_KEY", "sk-server"),
            ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
            ("PROXY_KEY", "pk-one"),
            ("TRANSLATE", "off"),
        ),
        '"type": "not_found_error"',
    ),
    local(
        "native: a batch with the server's key",
        Ask("GET", "/v1/messages/batches", _caller(key="pk-one"), b""),
        403,
        "path_not_allowed",
        (("ALLOW_PATHS", "messages"), *HELD),
        '"type": "permission_error"',
    ),
    local(
        "native: Google's path in another spelling",
        Ask(path="/v1beta/models/gemini-x%3AgenerateContent", headers=_caller("x-goog-api-key"), body=CONTENTS),
        400,
        "bad_path",
    ),
)
