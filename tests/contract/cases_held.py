"""The contract: what a caller may not reach with a credential that the server holds, and bodies read in one way."""

from __future__ import annotations

import json

from tests.contract.parts import BOTH, OK, bearer, goes_up_with, local
from tests.support.case import JSON, Ask, Case, Want
from tests.support.upstream import Received

_RESPONSES = "/v1/responses"
# Headers that are configured for an upstream are credentials as well, unless they are known to open nothing.
_HEADER = (("UPSTREAMS", '[{"name":"gw","base_url":"$OPENAI_BASE_URL","headers":{"x-portkey-api-key":"pk-secret"}}]'),)
_HEADER_KEY = (*_HEADER, ("PROXY_KEY", "pk-one"))
_NAMED = (
    '[{"name":"gw","base_url":"$OPENAI_BASE_URL","headers":{"x-portkey-provider":"openai"},"harmless_headers":[%s]}]'
)
_HARMLESS = (("UPSTREAMS", _NAMED % '"x-portkey-provider"'),)
_MODEL = b'{"model":"gpt-4o",%s}'


def _refused(name: str, body: bytes, path: str = _RESPONSES) -> Case:
    return local(f"held: {name}", Ask("POST", path, bearer("pk-one"), body), 403, "reference_not_allowed", BOTH)


def _typed(kind: str, body: bytes = b'{"model":"gpt-4o"}', path: str = "/v1/chat/completions") -> Ask:
    return Ask("POST", path, (("Authorization", "Bearer pk-one"), ("Content-Type", kind)), body)


def _mistyped(name: str, kind: str) -> Case:
    return local(f"one reader: {name}", _typed(kind), 415, "unsupported_media_type", BOTH)


def _with_header(up: Received) -> bool:
    return up.header("x-portkey-api-key") == "pk-secret" and up.header("authorization") is None


def _unstored(up: Received) -> bool:
    return bool(json.loads(up.body) == {"model": "gpt-4o", "input": "x", "store": False})


HELD = (
    _refused("another's stored answer", _MODEL % b'"input":"x","previous_response_id":"resp_1"'),
    _refused("a conversation", _MODEL % b'"input":"x","conversation":{"id":"conv_1"}'),
    _refused("a stored item", _MODEL % b'"input":[{"type":"item_reference","id":"msg_1"}]'),
    _refused("an item that is an id alone", _MODEL % b'"input":[{"id":"msg_1"}]'),
    _refused("a file", _MODEL % b'"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]'),
    _refused(
        "a file, in a chat",
        _MODEL % b'"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]',
        "/v1/chat/completions",
    ),
    _refused("a vector store", _MODEL % b'"input":"x","tools":[{"type":"file_search","vector_store_ids":["vs_1"]}]'),
    _refused("a container", _MODEL % b'"input":"x","tools":[{"type":"code_interpreter","container":"cntr_1"}]'),
    _refused("a stored prompt", _MODEL % b'"prompt":{"id":"pmpt_1"}'),
    _refused("an MCP server", _MODEL % b'"input":"x","tools":[{"type":"mcp","server_url":"https://e.example"}]'),
    _refused("a job in the background", _MODEL % b'"input":"x","background":true'),
    *(
        local(f"held: the owner's balance at {path}", Ask("GET", path, bearer("pk-one"), b""), 404, "not_counted", BOTH)
        for path in ("/dashboard/billing/usage", "/v1/dashboard/billing/subscription", "/sluice/usage")
    ),
    _refused("in other letters", _MODEL % b'"input":[{"content":[{"File_ID":"file-1"}]}]'),
    Case(
        "held: a file that the owner has opened",
        Ask("POST", _RESPONSES, bearer("pk-one"), _MODEL % b'"store":false,"input":[{"file_id":"file-1"}]'),
        OK,
        Want(200, up=goes_up_with("sk-server")),
        settings=(*BOTH, ("ALLOW_REFERENCES", "files")),
    ),
    Case(
        "held: responses are not stored",
        Ask("POST", _RESPONSES, bearer("pk-one"), _MODEL % b'"input":"x"'),
        OK,
        Want(200, up=_unstored),
        settings=BOTH,
    ),
    Case(
        "held: not where the caller's own key goes up",
        Ask("POST", _RESPONSES, bearer("sk-caller"), _MODEL % b'"previous_response_id":"resp_1"'),
        OK,
        Want(200, up=lambda up: up.body == _MODEL % b'"previous_response_id":"resp_1"'),
    ),
    local("held: a configured header needs a key of the owner's", Ask(), 403, "proxy_not_protected", _HEADER),
    local(
        "held: a configured header opens no files",
        Ask("GET", "/v1/files", bearer("pk-one"), b""),
        403,
        "path_not_allowed",
        _HEADER_KEY,
    ),
    local("held: a configured header, another key", Ask(headers=bearer("x")), 401, "invalid_api_key", _HEADER_KEY),
    Case(
        "held: a configured header goes up for those who may",
        Ask(headers=bearer("pk-one")),
        OK,
        Want(200, up=_with_header),
        settings=_HEADER_KEY,
    ),
    Case(
        "held: not a header that is listed as harmless",
        Ask(headers=bearer("sk-caller")),
        OK,
        Want(200, up=goes_up_with("sk-caller")),
        settings=_HARMLESS,
    ),
    *(
        local(f"held: {method} {path}", Ask(method, path, bearer("pk-one"), b"{}"), 403, "path_not_allowed", settings)
        for method, path, settings in (
            ("POST", "/v1/audio/voices", BOTH),
            ("POST", "/v1/images/other", BOTH),
            ("DELETE", "/v1/files/x", _HEADER_KEY),
            ("GET", "/v1/organization", _HEADER_KEY),
            ("GET", "/v1/messages/batches", (*BOTH, ("ALLOW_PATHS", "messages"))),
            ("GET", "/v1/responses/resp_1", (*BOTH, ("ALLOW_PATHS", "responses"))),
        )
    ),
    _mistyped("a form's type", "application/x-www-form-urlencoded"),
    _mistyped("a charset", "application/json; charset=utf-16"),
    _mistyped("a form on a path of JSON", "multipart/form-data; boundary=x"),
    local("one reader: a name twice", _typed(*JSON[1:], b'{"model":"a","model":"b"}'), 400, "duplicate_key", BOTH),
    local("one reader: a name twice below", _typed(*JSON[1:], b'{"x":[{"a":1,"a":2}]}'), 400, "duplicate_key", BOTH),
    local("one reader: another case", _typed(*JSON[1:], b'{"Model":"a"}'), 400, "duplicate_key", BOTH),
    local("one reader: an escaped name", _typed(*JSON[1:], b'{"\\u006dodel":"a"}'), 400, "duplicate_key", BOTH),
    local("one reader: no JSON", _typed(*JSON[1:], b"{'model': 'a'}"), 400, "unreadable_body", BOTH),
)
