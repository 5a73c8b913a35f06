"""The contract: keys that were minted, and several upstreams. Every adapter must have what these take."""

from __future__ import annotations

import json
from collections.abc import Callable

from proxy.access.signed_keys import Key, mint
from proxy.call import Grant
from tests.contract.parts import OK, bearer, goes_up_with, local
from tests.support.case import STREAMED, Ask, Case, Want
from tests.support.upstream import Received, stream, whole

SECRET = "s" * 32
SIGNED = (("OPENAI_API_KEY", "sk-server"), ("SIGNING_SECRET", SECRET))
_LATER = 4_000_000_000  # Unix time


def _key(name: str, grant: Grant, expires: int = _LATER) -> str:
    return mint(Key(name, "d03095", expires, grant), [SECRET])


_SOME = _key("alice", Grant(("gpt-4o*",), ("chat",), 100))
_CHUNK = b'data: {"id":"1","model":"gpt-4o-mini-2024-07-18","choices":[]}\n\n'
# Nothing listens on the first one; the second is the scripted upstream, which `$OPENAI_BASE_URL` stands for.
_TWO = (
    (
        "UPSTREAMS",
        json.dumps(
            [
                {"name": "down", "base_url": "http://127.0.0.1:1/v1", "keys": "sk-1", "models": "gpt-*"},
                {
                    "name": "up",
                    "base_url": "$OPENAI_BASE_URL",
                    "keys": "$SECOND_KEY",
                    "models": "gpt-*",
                    "aliases": {"gpt-3.5-turbo": "gpt-4o-mini"},
                    "priority": 1,
                },
            ]
        ),
    ),
    ("SECOND_KEY", "sk-2"),
    ("PROXY_KEY", "pk-one"),
)
# Dart, Retrofit and Apache's client name the encoding of each part.
_FORM = (
    b'--x\r\nContent-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
    b"Content-Transfer-Encoding: binary\r\n\r\nabc\r\n--x--\r\n"
)


def _form(model: bytes) -> Ask:
    kind = ("Content-Type", "multipart/form-data; boundary=x")
    return Ask("POST", "/v1/audio/transcriptions", (("Authorization", "Bearer pk-one"), kind), _FORM % model)


def _is_second(up: Received) -> bool:
    return up.header("authorization") == "Bearer sk-2"


def _has_model(name: str) -> Callable[[Received], bool]:
    return lambda up: _is_second(up) and bool(json.loads(up.body)["model"] == name)


KEYS = (
    Case(
        "minted: lets in and goes up with the server's key",
        Ask(headers=bearer(_SOME)),
        OK,
        Want(200, b'{"ok":1}', headers={"x-sluice-max-output-tokens": "100"}, up=goes_up_with("sk-server")),
        settings=SIGNED,
    ),
    local(
        "minted: another model", Ask(headers=bearer(_SOME), body=b'{"model":"o3"}'), 403, "model_not_allowed", SIGNED
    ),
    local("minted: another path", Ask("POST", "/v1/images/edits", bearer(_SOME)), 403, "path_not_allowed", SIGNED),
    local("minted: altered", Ask(headers=bearer(_SOME[:-3] + "AAA")), 401, "invalid_api_key", SIGNED),
    local("minted: expired", Ask(headers=bearer(_key("a", Grant(), 1))), 401, "expired_key", SIGNED),
    local("minted: revoked", Ask(headers=bearer(_SOME)), 401, "revoked_key", (*SIGNED, ("REVOKED_KEYS", "alice"))),
    Case(
        "minted: the list of its models",
        Ask("GET", "/v1/models", bearer(_SOME), b""),
        whole(b'{"data":[{"id":"o3"},{"id":"gpt-4o"}]}'),
        Want(200, b'{"object": "list", "data": [{"id": "gpt-4o"}]}', up=goes_up_with("sk-server")),
        settings=SIGNED,
    ),
    Case(
        "upstreams: the next one answers, and has its name for the model",
        Ask(headers=bearer("pk-one"), body=b'{"model":"gpt-4o"}'),
        whole(b'{"model":"gpt-4o-2024-08-06"}'),
        Want(200, b'{"model":"gpt-4o-2024-08-06"}', up=_is_second),
        settings=_TWO,
    ),
    Case(
        "upstreams: an alias goes up and comes back, in a whole answer",
        Ask(headers=bearer("pk-one"), body=b'{"model":"gpt-3.5-turbo"}'),
        whole(b'{"model":"gpt-4o-mini-2024-07-18"}'),
        Want(200, b'{"model":"gpt-3.5-turbo"}', up=_has_model("gpt-4o-mini")),
        settings=_TWO,
    ),
    Case(
        "upstreams: an alias goes up and comes back, in a stream",
        Ask(headers=bearer("pk-one"), body=STREAMED.replace(b"gpt-4o", b"gpt-3.5-turbo")),
        stream(_CHUNK, b"data: [DONE]\n\n"),
        Want(
            200,
            _CHUNK.replace(b"gpt-4o-mini-2024-07-18", b"gpt-3.5-turbo") + b"data: [DONE]\n\n",
            up=_has_model("gpt-4o-mini"),
        ),
        settings=_TWO,
    ),
    Case(
        "upstreams: an alias in a form",
        _form(b"gpt-3.5-turbo"),
        OK,
        Want(200, up=lambda up: up.body == _FORM % b"gpt-4o-mini"),
        settings=_TWO,
    ),
    local(
        "upstreams: a model of none of them",
        Ask(headers=bearer("pk-one"), body=b'{"model":"o3"}'),
        404,
        "model_not_found",
        _TWO,
    ),
    Case(
        "upstreams: the list of models",
        Ask("GET", "/v1/models", bearer("pk-one"), b""),
        whole(b'{"data":[{"id":"gpt-4o"},{"id":"tts-1"}]}'),
        Want(200, says='"gpt-3.5-turbo"', up=_is_second),
        settings=_TWO,
    ),
)
