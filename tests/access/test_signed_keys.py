"""Signed keys: what they permit and restrict, and that they never go up."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from proxy import startup
from proxy.access import signed_keys
from proxy.call import Grant
from proxy.errors import ConfigError, KeyInvalid
from proxy.messages import Reply, Request
from proxy.settings.parsers import SIGNED_KEY_PREFIX
from tests.support.core import error_of
from tests.support.core import request as asking
from tests.support.routing import FORM, MODEL, made, run
from tests.support.several import Does, Several

SECRET, OLD = "s" * 32, "o" * 32
SETTINGS = {"OPENAI_API_KEY": "sk-server", "SIGNING_SECRET": SECRET}
LATER = 4_000_000_000  # Unix time
JSON_LIST = b'{"object":"list","data":[{"id":"gpt-4o"},{"id":"gpt-4o-mini"},{"id":"o3"}]}'


def key(grant: Grant | None = None, expires: int = LATER, secret: str = SECRET) -> str:
    return signed_keys.mint(signed_keys.Key("alice", "d03095", expires, grant or Grant()), [secret])


def request(
    sent: str,
    data: bytes = b'{"model":"gpt-4o"}',
    path: str = "/v1/chat/completions",
    method: str = "POST",
    extra_headers: tuple[tuple[str, str], ...] = (),
) -> Request:
    return asking(path, data, headers=(("authorization", f"Bearer {sent}"), *extra_headers), method=method)


def ask(incoming: Request, upstream: Several | None = None, **settings: str) -> tuple[Reply, Several]:
    upstream = upstream or Several()
    reply, _ = run(upstream, incoming, upstreams=None, settings={**SETTINGS, **settings})
    return reply, upstream


def test_a_signed_key_calls_with_the_server_s_key() -> None:
    for sent in (key(), f"sk-anything:{key()}"):
        reply, upstream = ask(request(sent))
        assert reply.status == 200 and [outgoing.target.key for outgoing in upstream.sent] == ["sk-server"]


def test_a_signed_key_is_short_and_safe_in_a_url() -> None:
    assert re.fullmatch(r"sk-sluice-[A-Za-z0-9_.-]+", key()) and len(key()) < 100
    longest = key(Grant(("gpt-4o*", "deepseek-*"), ("chat", "embeddings"), 4000))
    assert re.fullmatch(r"sk-sluice-[A-Za-z0-9_.-]+", longest) and len(longest) < 160


@pytest.mark.parametrize(
    "grant",
    [Grant(), Grant(("a", "b*")), Grant((), ("chat",)), Grant((), (), 16), Grant(("模型",), ("chat", "images"), 99)],
)
def test_a_signed_key_is_read_again(grant: Grant) -> None:
    signed_key = signed_keys.read(key(grant), [SECRET])
    assert (signed_key.grant, signed_key.name, signed_key.id, signed_key.expires) == (grant, "alice", "d03095", LATER)
    assert signed_key.log_id == "alice/d03095"


def test_a_secret_is_changed_without_ending_keys() -> None:
    for secrets in ((SECRET,), (SECRET, OLD), (OLD, SECRET)):
        assert signed_keys.read(key(), secrets).name == "alice"
    both = signed_keys.mint(signed_keys.Key("a", "1", LATER, Grant()), [SECRET, OLD])
    assert signed_keys.read(both, [SECRET]).name == "a"  # the first signs
    with pytest.raises(KeyInvalid):
        signed_keys.read(both, [OLD])


def _altered() -> list[str]:
    good = key()
    head, _, signature = good.partition(".")
    other = key(Grant(("*",)), LATER + 1).partition(".")[0]
    return [
        *(good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in range(10, len(good) - 1)),
        good[:-1],
        head,
        f"{head}.",
        f"{other}.{signature}",
        "sk-sluice-",
        "sk-sluice-.",
        f"{good}x",
        f"{good}.{signature}",
        key(secret=OLD),
    ]


def test_nothing_altered_is_let_in() -> None:
    for sent in _altered():
        reply, upstream = ask(request(sent))
        assert (reply.status, error_of(reply)["code"]) == (401, "invalid_api_key"), sent
        assert not upstream.sent


@pytest.mark.parametrize("fields", [[], ["a"], "text", 3, {"a": 1}, ["a", "b", 1, "", "", 0, "more"], ["a", "b", 1, 2]])
def test_a_key_of_another_version_is_refused_and_breaks_nothing(fields: Any) -> None:
    sent = SIGNED_KEY_PREFIX + signed_keys._serializer([SECRET]).dumps(fields)
    reply, _ = ask(request(sent))
    assert reply.status == 401 and error_of(reply)["code"] == "invalid_api_key"


def test_refusals_say_why() -> None:
    reply, _ = ask(request(key(expires=1_000_000_000)))
    assert (reply.status, error_of(reply)["code"]) == (401, "expired_key")
    for revoked in ("d03095", "x,alice"):
        reply, _ = ask(request(key()), REVOKED_KEYS=revoked)
        assert (reply.status, error_of(reply)["code"]) == (401, "revoked_key")
        assert reply.headers.get("x-should-retry") == "false"
    reply, _ = ask(request(key()), REVOKED_KEYS="d0309,lice")
    assert reply.status == 200


def test_without_a_secret_no_signed_key_is_let_in() -> None:
    for settings in ({"OPENAI_API_KEY": "k", "PROXY_KEY": "pk"}, {}):
        upstream = Several()
        reply, _ = run(upstream, request(key()), upstreams=None, settings=settings)
        assert reply.status == 401 and not upstream.sent


def test_proxy_keys_and_signed_keys_live_side_by_side() -> None:
    for sent, status in ((key(), 200), ("pk", 200), ("no", 401)):
        assert ask(request(sent), PROXY_KEY="pk")[0].status == status


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/v1/chat/completions", "POST", 200),
        ("/v1/chat/completions/input_tokens", "POST", 200),
        ("/v1/images/generations", "POST", 200),
        ("/v1/images/edits", "POST", 403),
        ("/v1/embeddings", "POST", 403),
        ("/v1/chatter", "POST", 403),
        ("/v1/models", "GET", 200),
        ("/v1/models/gpt-4o", "GET", 200),
        ("/v1/files", "GET", 403),
    ],
)
def test_a_key_for_some_paths_reaches_no_others(path: str, method: str, status: int) -> None:
    sent = key(Grant((), ("chat", "images/generations")))
    data = b'{"model":"gpt-4o","messages":[]}' if method == "POST" else b""
    reply, _ = ask(request(sent, data, path, method), Several({"default": Does(body=JSON_LIST)}))
    assert reply.status == status
    if status == 403:
        error = error_of(reply)
        assert error["code"] == "path_not_allowed" and "chat, images/generations" in error["message"]


def test_a_key_opens_nothing_that_the_owner_has_not_opened() -> None:
    sent = key(Grant((), ("files", "chat")))
    assert ask(request(sent, b"", "/v1/files", "GET"))[0].status == 403
    assert ask(request(sent, b"", "/v1/files", "GET"), ALLOW_PATHS="files")[0].status == 200
    assert ask(request(sent, b"", "/v1/batches", "GET"), ALLOW_PATHS="files,batches")[0].status == 403


SOME = Grant(("gpt-4o", "text-*"))


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b'{"model":"gpt-4o"}', 200, None),
        (b'{"\\u006dodel":"gpt-4o"}', 400, "duplicate_key"),
        (b'{"model":"gpt-4o-mini"}', 403, "model_not_allowed"),
        (b'{"model":"gpt-4o","\\u006dodels":["o3"]}', 400, "duplicate_key"),
        (b'{"model":"gpt-4o","x":[{"Fallback_Model":"o3"}]}', 403, "model_not_allowed"),
        (b'{"model":"gpt-4o","tools":[{"type":"image_generation"}]}', 403, "model_not_allowed"),
        (b'{"model":"gpt-4o","metadata":{"model":"o3"}}', 200, None),
        (b'{"model":"gpt-4o","model":"o3"}', 400, "duplicate_key"),
        (b'{"model":"gpt-4o","\\u006dodel":"o3"}', 400, "duplicate_key"),
        (b"{}", 400, "model_not_readable"),
        (b'{"model":"gpt-4o","MODEL":"o3"}', 400, "duplicate_key"),
        (b'{"Model":"gpt-4o"}', 400, "duplicate_key"),
        (b'{"model":["gpt-4o"]}', 400, "model_not_readable"),
        (b'{"model":%s}' % (b"[" * 900 + b"]" * 900), 400, "unreadable_body"),
        (b'{"model":"%s"}' % (b"m" * 257), 400, "bad_request"),
        (b'{"model":"\xff"}', 400, "unreadable_body"),
        (b"[]", 400, "unreadable_body"),
        (b"", 400, "unreadable_body"),
        ('{"model":"gpt-4o"}'.encode("utf-16"), 400, "unreadable_body"),
    ],
)
def test_a_key_for_some_models_reaches_only_calls_whose_model_can_be_read(
    data: bytes, status: int, code: str | None
) -> None:
    reply, upstream = ask(request(key(SOME), data))
    assert reply.status == status and bool(upstream.sent) == (status == 200)
    if code:
        assert error_of(reply)["code"] == code
        assert error_of(reply)["param"] == {"unreadable_body": None}.get(
            code, "models" if b"odels" in data else "model"
        )


@pytest.mark.parametrize(
    ("extra_headers", "status"),
    [
        (b'"models":["o3"]', 403),
        (b'"models":["text-1","gpt-4o"]', 200),
        (b'"models":null', 200),
        (b'"models":"o3"', 403),
        (b'"fallbacks":[{"gpt-4o":["o3"]}]', 403),
        (b'"tools":[{"type":"image_generation","model":"gpt-image-1"}]', 403),
        (b'"tools":[{"type":"image_generation","model":"text-image"},3]', 200),
        (b'"tools":3', 200),
    ],
)
def test_models_to_fall_back_on_and_those_of_tools_count_too(extra_headers: bytes, status: int) -> None:
    reply, upstream = ask(request(key(SOME), b'{"model":"gpt-4o",%s}' % extra_headers))
    assert reply.status == status and bool(upstream.sent) == (status == 200)


def test_a_body_that_belongs_to_no_such_call_names_no_model() -> None:
    sent = key(Grant(("gpt-4o",), ("files",)))
    reply, _ = ask(request(sent, b'{"model":"gpt-4o"}', "/v1/files", "GET"), ALLOW_PATHS="files")
    assert error_of(reply)["code"] == "model_not_readable"


@pytest.mark.parametrize(
    "name", [b"MAX_TOKENS", b"Max_Completion_Tokens", b"N", b"max_to\\u212aens", "max_to\u212aens".encode()]
)
def test_a_limit_under_another_spelling_is_refused(name: bytes) -> None:
    reply, upstream = ask(request(key(Grant((), (), 100)), b'{"model":"gpt-4o","%s":9999}' % name))
    assert error_of(reply)["code"] == "duplicate_key" and not upstream.sent


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/%63ompletions",
        "/v1/%63hat/completions",
        "/v1/chat%2Fcompletions",
        "/v1/chat/%2563ompletions",
        "/v1/Chat/Completions",
        "/v1/chat;a=b/completions",
        "/v1/chat/completions;",
        "/v1/chat/completions.",
        "/v1/chat/completions%20",
        "/v1/RESPONSES",
        "/v1/responses%2Fresp_1",
    ],
)
def test_a_path_under_another_spelling_escapes_no_limit(path: str) -> None:
    for allowed in ("*", ""):
        sent = request(key(), b'{"model":"gpt-4o","max_tokens":9999}', path)
        reply, upstream = ask(sent, ALLOW_PATHS=allowed, MAX_OUTPUT_TOKENS="100")
        assert reply.status in (400, 404) and not upstream.sent


def test_a_compressed_body_hides_its_model_from_nobody() -> None:
    incoming = request(key(SOME), b"\x1f\x8b", extra_headers=(("content-encoding", "gzip"),))
    reply, upstream = ask(incoming)
    assert (reply.status, error_of(reply)["code"]) == (415, "unsupported_media_type") and not upstream.sent


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (FORM % (MODEL % b"text-1"), 200),
        (FORM % (MODEL % b"o3"), 403),
        (FORM % b"", 400),
        (FORM % (MODEL % b"text-1" + MODEL % b"o3"), 400),
    ],
)
def test_a_form_s_model_counts_too(data: bytes, status: int) -> None:
    incoming = request(
        key(SOME),
        data,
        "/v1/audio/transcriptions",
        extra_headers=(("content-type", "multipart/form-data; boundary=x"),),
    )
    reply, upstream = ask(incoming)
    assert reply.status == status and bool(upstream.sent) == (status == 200)


def test_a_model_s_own_page_counts_too() -> None:
    assert ask(request(key(SOME), b"", "/v1/models/gpt-4o", "GET"))[0].status == 200
    reply, upstream = ask(request(key(SOME), b"", "/v1/models/o3", "GET"))
    assert reply.status == 403 and not upstream.sent


def test_the_list_of_models_shows_only_what_the_key_is_for() -> None:
    reply, _ = ask(request(key(SOME), b"", "/v1/models", "GET"), Several({"default": Does(body=JSON_LIST)}))
    assert isinstance(reply.body, bytes) and [item["id"] for item in json.loads(reply.body)["data"]] == ["gpt-4o"]


def test_the_model_that_counts_is_the_one_that_callers_say() -> None:
    aliases = {"gpt-4o": "o3"}
    upstreams = [{"name": "a", "base_url": "https://a.example", "keys": "k", "models": "o3", "aliases": aliases}]
    for model, status in (("gpt-4o", 200), ("o3", 403)):
        incoming = request(key(SOME), json.dumps({"model": model}).encode())
        reply, _ = run(Several(), incoming, upstreams=upstreams, settings={"SIGNING_SECRET": SECRET})
        assert reply.status == status


@pytest.mark.parametrize(
    ("path", "given", "up", "header"),
    [
        ("chat/completions", {"max_tokens": 5000}, {"max_tokens": 100}, "100"),
        ("chat/completions", {"max_completion_tokens": 50}, {"max_completion_tokens": 50}, None),
        ("chat/completions", {}, {"max_completion_tokens": 100}, "100"),
        ("chat/completions", {"n": 4}, {"n": 4, "max_completion_tokens": 25}, "25"),
        ("completions", {"max_tokens": 101}, {"max_tokens": 100}, "100"),
        ("responses", {"max_output_tokens": 101}, {"max_output_tokens": 100}, "100"),
        ("embeddings", {}, {}, None),
    ],
)
def test_a_key_s_limit_lowers_what_may_be_generated(
    path: str, given: dict[str, Any], up: dict[str, Any], header: str | None
) -> None:
    data = json.dumps({"model": "gpt-4o", **given}).encode()
    reply, upstream = ask(request(key(Grant((), (), 100)), data, f"/v1/{path}"))
    stored = {"store": False} if path == "responses" else {}
    assert json.loads(upstream.sent[0].body) == {"model": "gpt-4o", **up, **stored}
    assert reply.headers.get("x-sluice-max-output-tokens") == header


def test_the_lower_of_the_owner_s_limit_and_the_key_s_counts() -> None:
    for owner, expected in (("50", 50), ("500", 100)):
        _, upstream = ask(request(key(Grant((), (), 100))), MAX_OUTPUT_TOKENS=owner)
        assert json.loads(upstream.sent[0].body)["max_completion_tokens"] == expected


def test_more_answers_than_tokens_are_refused() -> None:
    reply, upstream = ask(request(key(Grant((), (), 100)), b'{"model":"gpt-4o","n":101}'))
    assert reply.status == 400 and "allows 100 tokens" in error_of(reply)["message"] and not upstream.sent


def test_the_log_has_the_key_s_name_and_never_the_key() -> None:
    lines: list[str] = []
    run(Several(), request(key()), upstreams=None, settings=SETTINGS, on=made(lines))
    assert json.loads(lines[0])["key_id"] == "alice/d03095" and key()[10:] not in lines[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"SIGNING_SECRET": "short", "OPENAI_API_KEY": "k"},
            "SIGNING_SECRET must be random texts of at least 24 characters",
        ),
        (
            {"SIGNING_SECRET": f"{SECRET},short", "OPENAI_API_KEY": "k"},
            "SIGNING_SECRET must be random texts of at least 24",
        ),
        ({"SIGNING_SECRET": ",", "OPENAI_API_KEY": "k"}, "SIGNING_SECRET must be random texts of at least 24"),
        ({"SIGNING_SECRET": SECRET}, "SIGNING_SECRET needs OPENAI_API_KEY"),
    ],
)
def test_a_secret_that_protects_nothing_stops_start_up(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        startup.load(settings)


def test_a_deployment_without_what_verifying_takes_stops_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.startup.can_verify", lambda: False)
    with pytest.raises(ConfigError, match="SIGNING_SECRET needs the package itsdangerous"):
        startup.load(SETTINGS)


def test_a_secret_is_a_protection_that_the_deployer_may_name() -> None:
    assert startup.load({**SETTINGS, "ACCESS": "proxy-key"}).access_mode == "proxy-key"
    assert startup.load({"DEMO": "1", "SIGNING_SECRET": SECRET}).access_mode == "proxy-key"
