"""The contract: who may call, and with which key it goes up."""

from __future__ import annotations

from tests.contract.parts import BOTH, OK, PROXY_ONLY, SERVER_KEY, bearer, goes_up_with, lets_in, local
from tests.support.case import JSON, Ask, Case, Want

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
    *(
        Case(
            f"access: {scheme.partition(' ')[0]} for somebody else, the key in {header} ({access})",
            Ask(headers=(("Authorization", scheme), (header, sent), JSON)),
            OK,
            Want(200, b'{"ok":1}', up=goes_up_with(up)),
            settings=settings,
        )
        for scheme in (
            "AWS4-HMAC-SHA256 Credential=AKID/20261126/eu, Signature=0f",
            "Basic dXNlcjpwYXNz",
            "Negotiate x",
        )
        for header in ("x-api-key", "api-key")
        for access, sent, up, settings in (
            ("proxy key", "pk-one", "sk-server", BOTH),
            ("own key", "sk-caller", "sk-caller", ()),
            ("both", "sk-caller:pk-two", "sk-caller", PROXY_ONLY),
        )
    ),
    Case(
        "access: a bare key in Authorization counts before others",
        Ask(headers=(("Authorization", "pk-one"), ("x-api-key", "sk-x"), JSON)),
        OK,
        Want(200, b'{"ok":1}', up=goes_up_with("sk-server")),
        settings=BOTH,
    ),
    *(
        local(
            f"access: {name}", Ask(headers=(("Authorization", "Basic cGstb25l"), JSON)), 401, "invalid_api_key", these
        )
        for name, these in (("Basic alone", BOTH), ("Basic alone, own keys", ()))
    ),
    local(
        "access: a minted key beside another scheme",
        Ask(headers=(("Authorization", "Basic eDp5"), ("x-api-key", "sk-sluice-abc"), JSON)),
        401,
        "invalid_api_key",
    ),
    local(
        "access: a proxy key as the own key beside another scheme",
        Ask(headers=(("Authorization", "Basic eDp5"), ("x-api-key", "pk-one:pk-two"), JSON)),
        401,
        "invalid_api_key",
        PROXY_ONLY,
    ),
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
            ("POST", "/v1/responses/input_tokens"),
            ("POST", "/v1/responses/compact"),
            ("POST", "/v1/messages/count_tokens"),
            ("POST", "/v1/rerank"),
            ("POST", "/rerank"),
            ("POST", "/v1/audio/speech"),
            ("POST", "/v1/images/edits"),
            ("GET", "/v1/models"),
            ("GET", "/v1/models/x"),
        )
    ),
)
