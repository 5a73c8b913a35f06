"""The doctor probes endpoints: who gets in, which models there are, CORS, spellings, sizes, the status page."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.adapters.scf_web import ScfWebApp
from proxy.cli.doctor import addresses, extras
from proxy.cli.doctor.access import choose
from proxy.cli.doctor.keys import Keys
from proxy.wire.path_table import INPUT_TOKENS
from tests.conftest import Serve
from tests.support.doctor import (
    GUARDED,
    KEY,
    LISTED,
    MODELS,
    PAGE,
    answers,
    look,
    only_with_a_key,
    ready,
    said,
)
from tests.support.upstream import Cut, Received, Script, Upstream, whole


def test_a_sound_endpoint_is_all_green(serve: Serve) -> None:
    found = look(serve(**GUARDED).url)
    assert found.bad == []
    assert {"platform.ok", "access.guarded", "models.ok", "chat.ok", "stream.ok", "utf8.ok", "cors.ok", "paths.ok",
            "reuse.ok", "clock.ok", "start.ok", "tcp.ok", "url.ok"} <= set(found.codes)  # fmt: skip
    measured = found.of("stream.ok")
    assert measured["events"] > 20 and len(measured["gaps_ms"]) == measured["events"] - 1
    assert 20 < measured["median"] <= measured["longest"]


def test_the_open_demo_is_green_too(serve: Serve) -> None:
    found = look(serve(DEMO="1").url, key="")
    assert found.bad == [] and "access.demo" in found.codes and "stream.ok" in found.codes


def test_a_server_that_lets_everybody_spend_the_owner_s_money(upstream: Upstream, serve: Serve) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS}, said({"error": {"message": "later"}}, 500))
    found = look(serve(OPENAI_API_KEY="sk-canary-own", ALLOW_ANONYMOUS="1").url, key="")
    assert "access.anonymous" in found.bad
    upstream.choose = answers({"GET /v1/models": MODELS}, PAGE)
    assert "access.open" in look(f"http://127.0.0.1:{upstream.port}", key="").bad


def test_a_server_that_says_not_who_may_call(serve: Serve) -> None:
    found = look(serve(OPENAI_API_KEY="sk-canary-own").url)
    assert found.bad == ["access.closed", "key.refused"] and "chat.ok" not in found.codes


def test_a_wrong_key_and_none(serve: Serve) -> None:
    url = serve(**GUARDED).url
    wrong = look(url, key=f"{KEY}-x")
    assert wrong.bad == ["key.refused"] and "not one of this endpoint's" in wrong.of("key.refused")["message"]
    none = look(url, key="")
    assert none.bad == [] and "key.none" in none.codes and "paths.ok" in none.codes and "chat.ok" not in none.codes


def test_any_made_up_key_is_tried(upstream: Upstream) -> None:
    def asks(received: Received) -> Script:
        return MODELS if received.header("authorization") else said({}, 401)

    upstream.choose = answers({"GET /v1/models": asks}, PAGE)
    assert "access.any_key" in look(f"http://127.0.0.1:{upstream.port}").bad


def test_somebody_else_s_endpoint_that_is_guarded(upstream: Upstream) -> None:
    upstream.choose = answers({"GET /v1/models": only_with_a_key(MODELS)}, PAGE)
    found = look(f"http://127.0.0.1:{upstream.port}")
    assert [code for code in found.codes if code.startswith("access")] == ["access.guarded"]


def test_pass_through_is_not_asked_with_a_made_up_key(upstream: Upstream, serve: Serve) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS}, PAGE)
    found = look(serve().url)
    assert "access.guarded" in found.codes and "access.own-key" in found.codes
    assert {one.header("authorization") for one in upstream.received} == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (said({"error": {"message": "no", "code": "unsupported_country_region_territory"}}, 403), "models.region"),
        (said({"error": {"message": "no", "code": "x"}}, 500), "models.failed"),
        (said({"error": {"message": "slowly", "code": "x"}}, 429), "models.limited"),
        (said({"data": []}), "models.empty"),
        (said({"data": [1]}), "models.failed"),
        (said({"error": "a text"}, 200), "models.failed"),
        (said({}, 404), "models.none"),
    ],
)
def test_lists_of_models_that_do_not_come(upstream: Upstream, script: Script, code: str) -> None:
    upstream.choose = answers({**LISTED, "GET /v1/models": only_with_a_key(script)}, said({}, 401))
    found = look(f"http://127.0.0.1:{upstream.port}")
    assert code in found.bad
    status = int(bytes(script[0]).split()[1])  # type: ignore[arg-type]
    assert ("chat.failed" in found.bad) is (status in (200, 404) and code != "models.empty")
    if code == "models.empty":
        assert "chat.failed" in look(f"http://127.0.0.1:{upstream.port}", model="mine").bad


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("gpt-5", "gpt-4o-mini"), "gpt-4o-mini"),
        (("text-embedding-3-small", "some-model"), "some-model"),
        (("whisper-1",), "gpt-4o-mini"),
        ((), "gpt-4o-mini"),
    ],
)
def test_a_cheap_model_that_can_chat_is_asked(names: tuple[str, ...], chosen: str) -> None:
    assert choose(names) == chosen


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ((("access-control-allow-origin", "*"), ("access-control-allow-headers", "Authorization")), "cors.ok"),
        ((("access-control-allow-origin", "*, *"), ("access-control-allow-headers", "x")), "cors.doubled"),
        ((("access-control-allow-origin", "*"), ("access-control-allow-headers", "content-type")), "cors.none"),
        ((("access-control-allow-origin", "https://other.test"),), "cors.none"),
    ],
)
def test_what_a_browser_would_say(upstream: Upstream, fields: tuple[tuple[str, str], ...], code: str) -> None:
    table = {**LISTED, "OPTIONS /v1/chat/completions": whole(b"", 200, *fields)}
    upstream.choose = answers(table, said({}, 401))
    assert code in look(f"http://127.0.0.1:{upstream.port}").codes


def test_the_spellings_that_do_not_work_are_named(upstream: Upstream) -> None:
    upstream.choose = answers({**LISTED, "GET /models": whole(b"<p>", 200, kind="text/html")}, PAGE)
    found = look(f"http://127.0.0.1:{upstream.port}")
    assert found.of("paths.some")["list"] == "…, …/v1/v1, …//v1, …/v1/"
    assert found.of("paths.some")["base"] == f"http://127.0.0.1:{upstream.port}/v1"


OWN = Keys("", "", "", "sk-canary-provider", "OPENAI_API_KEY")


def test_a_provider_s_key_goes_only_to_a_sluice_that_asks_for_one(
    upstream: Upstream, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{upstream.port}"
    upstream.choose = answers({"GET /v1/models": MODELS}, PAGE)
    assert "key.withheld" not in look(url, OWN).codes  # no Sluice
    upstream.choose = answers({**LISTED, "GET /v1/models": MODELS}, PAGE)
    assert "key.source" not in look(url, OWN).codes  # one with a key of its own
    upstream.choose = answers({"GET /readyz": ready(access="own-key"), "GET /v1/models": MODELS}, PAGE)
    monkeypatch.setattr(addresses, "is_plain", lambda _: True)
    assert "key.withheld" in look(url, OWN).codes
    assert not any("canary-provider" in (one.header("authorization") or "") for one in upstream.received)
    monkeypatch.undo()
    assert look(url, OWN).of("key.source") == {"source": "OPENAI_API_KEY"}
    assert any(one.header("authorization") == "Bearer sk-canary-provider" for one in upstream.received)


def test_sizes_are_tried_without_anything_going_up(upstream: Upstream, serve: Serve) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS}, said({}, 500))
    found = look(serve(ScfWebApp).url, size=True)
    assert found.of("size.below")["size"] == extras.BELOW
    assert found.of("size.above")["status"] == 413 and found.of("size.above")["size"] > 6_000_000
    assert max(len(one.body) for one in upstream.received) < 1000
    small = look(serve(ScfWebApp, MAX_BODY_MB="1").url, size=True)
    assert "413" in small.of("size.refused")["what"]
    assert "size.unknown" in look(serve().url, size=True).codes


@pytest.mark.parametrize(("script", "code"), [(said({}, 400), "size.passed"), ((Cut(),), "size.lost")])
def test_sizes_that_a_platform_takes_otherwise_than_it_says(upstream: Upstream, script: Script, code: str) -> None:
    table = {**LISTED, "GET /readyz": ready(platform="aws-lambda-stream"), f"POST /v1/{INPUT_TOKENS}": script}
    upstream.choose = answers(table, said({}, 401))
    assert code in look(f"http://127.0.0.1:{upstream.port}", size=True).bad


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"status": {"indicator": "none", "description": "All Systems Operational"}}, "status.ok"),
        ({"status": {"indicator": "major", "description": "Elevated errors"}}, "status.trouble"),
        ({"page": {}}, "status.unknown"),
    ],
)
def test_openai_s_status_page_is_asked_where_openai_answers(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, told: Any, code: str
) -> None:
    monkeypatch.setattr(extras, "STATUS_URL", f"http://127.0.0.1:{upstream.port}/status.json")
    listed = said({"data": [{"id": "m"}]}, 200, ("openai-version", "2020-10-01"))
    table = {**LISTED, "GET /v1/models": only_with_a_key(listed), "GET /status.json": said(told)}
    upstream.choose = answers(table, said({}, 401))
    found = look(f"http://127.0.0.1:{upstream.port}")
    assert code in found.codes
    (asked,) = [one for one in upstream.received if one.target == "/status.json"]
    assert asked.header("authorization") is None


REFUSAL = {"error": {"message": "Incorrect API key provided", "type": "x", "param": None, "code": "invalid_api_key"}}


def test_the_upstream_s_refusal_of_the_server_s_key_is_not_the_caller_s(serve: Serve, upstream: Upstream) -> None:
    upstream.choose = answers({}, said(REFUSAL, 401))
    url = serve(OPENAI_API_KEY="sk-wrong", PROXY_KEY=KEY).url
    found = look(url)
    assert found.bad == ["upstream.key"] and "paths.ok" in found.codes and "access.guarded" in found.codes
    assert found.of("upstream.key") == {"name": "default", "what": "HTTP 401"}
    # A wrong key of the caller's is still the caller's.
    assert look(url, key=f"{KEY}-x").bad == ["key.refused"]
    assert look(serve().url, key="sk-of-a-caller").bad == ["upstream.own_key"]
    assert look(serve(PROXY_KEY=KEY).url, key=f"sk-of-a-caller:{KEY}").bad == ["upstream.own_key"]
    assert look(serve(PROXY_KEY=KEY).url, key="sk-of-a-caller:wrong").bad == ["key.refused"]


def test_a_base_url_without_its_path_is_the_upstream_s(serve: Serve, upstream: Upstream) -> None:
    upstream.choose = answers({}, said({"error": {"message": "no such page"}}, 404))
    found = look(serve(OPENAI_API_KEY="sk-right", PROXY_KEY=KEY).url)
    assert found.bad == ["upstream.base"] and "paths.ok" in found.codes
    # No list of models, and a page for that, is nothing to blame the address for.
    refused = said({"error": {"message": "no model"}}, 400)
    upstream.choose = answers({"POST /v1/chat/completions": refused}, said({}, 404))
    assert "models.none" in look(serve(OPENAI_API_KEY="sk-right", PROXY_KEY=KEY).url).bad


def test_of_several_upstreams_the_one_that_refuses_is_named(serve: Serve, upstream: Upstream) -> None:
    def asked(received: Received) -> Script:
        return said({}, 404) if received.header("authorization") == "Bearer sk-b" else said(REFUSAL, 403)

    upstream.choose = asked
    one = '{"name":"%s","base_url":"%s","keys":"sk-%s","models":"%s*"}'
    base = f"http://127.0.0.1:{upstream.port}"
    table = ",".join(one % (name, base, name, name) for name in ("a", "b"))
    found = look(serve(UPSTREAMS=f"[{table}]", OPENAI_BASE_URL="", PROXY_KEY=KEY).url)
    assert found.bad == ["upstream.key"] and found.of("upstream.key") == {"name": "a", "what": "HTTP 403"}
