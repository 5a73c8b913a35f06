"""The doctor probes endpoints: who gets in, which models there are, CORS, spellings, sizes, the status page."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.adapters.scf_web import ScfWebApp
from proxy.cli.doctor import addresses, extras
from proxy.cli.doctor.access import choose_model
from proxy.cli.doctor.keys import Keys
from proxy.settings import single_upstreams
from proxy.wire.path_table import INPUT_TOKENS
from tests.conftest import Serve
from tests.support.doctor import (
    GUARDED,
    KEY,
    LISTED,
    MODELS,
    PAGE,
    answer,
    answers,
    only_with_a_key,
    probe,
    ready,
)
from tests.support.upstream import Cut, Received, Script, Upstream, whole


def test_a_healthy_endpoint_has_no_problems(serve: Serve) -> None:
    findings = probe(serve(**GUARDED).url)
    assert findings.bad == []
    assert {"platform.ok", "access.guarded", "models.ok", "chat.ok", "stream.ok", "utf8.ok", "cors.ok", "paths.ok",
            "reuse.ok", "clock.ok", "start.ok", "tcp.ok", "url.ok"} <= set(findings.codes)  # fmt: skip
    measured = findings.of("stream.ok")
    assert measured["events"] > 20 and len(measured["gaps_ms"]) == measured["events"] - 1
    assert 20 < measured["median"] <= measured["longest"]


def test_the_open_demo_has_no_problems(serve: Serve) -> None:
    findings = probe(serve(DEMO="1").url, key="")
    assert findings.bad == [] and "access.demo" in findings.codes and "stream.ok" in findings.codes


def test_a_server_that_lets_everybody_spend_the_owner_s_money(upstream: Upstream, serve: Serve) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS}, answer({"error": {"message": "later"}}, 500))
    findings = probe(serve(OPENAI_API_KEY="sk-canary-own", ALLOW_ANONYMOUS="1").url, key="")
    assert "access.anonymous" in findings.bad
    upstream.choose = answers({"GET /v1/models": MODELS}, PAGE)
    assert "access.open" in probe(f"http://127.0.0.1:{upstream.port}", key="").bad


def test_a_server_without_access_control_refuses_everyone(serve: Serve) -> None:
    findings = probe(serve(OPENAI_API_KEY="sk-canary-own").url)
    assert findings.bad == ["access.closed", "key.refused"] and "chat.ok" not in findings.codes


def test_a_wrong_key_and_none(serve: Serve) -> None:
    url = serve(**GUARDED).url
    wrong = probe(url, key=f"{KEY}-x")
    assert wrong.bad == ["key.refused"] and "not one of this endpoint's" in wrong.of("key.refused")["message"]
    none = probe(url, key="")
    assert none.bad == [] and "key.none" in none.codes and "paths.ok" in none.codes and "chat.ok" not in none.codes


def test_an_invented_key_is_tried(upstream: Upstream) -> None:
    def asks(received: Received) -> Script:
        return MODELS if received.header("authorization") else answer({}, 401)

    upstream.choose = answers({"GET /v1/models": asks}, PAGE)
    assert "access.any_key" in probe(f"http://127.0.0.1:{upstream.port}").bad


def test_somebody_else_s_endpoint_that_is_guarded(upstream: Upstream) -> None:
    upstream.choose = answers({"GET /v1/models": only_with_a_key(MODELS)}, PAGE)
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert [code for code in findings.codes if code.startswith("access")] == ["access.guarded"]


def test_a_pass_through_is_not_called_with_an_invented_key(upstream: Upstream, serve: Serve) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS}, PAGE)
    findings = probe(serve().url)
    assert "access.guarded" in findings.codes and "access.own-key" in findings.codes
    assert {call.header("authorization") for call in upstream.received} == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (
            answer({"error": {"message": "no", "code": "unsupported_country_region_territory"}}, 403),
            "models.region",
        ),
        (answer({"error": {"message": "no", "code": "x"}}, 500), "models.failed"),
        (answer({"error": {"message": "slowly", "code": "x"}}, 429), "models.limited"),
        (answer({"data": []}), "models.empty"),
        (answer({"data": [1]}), "models.failed"),
        (answer({"error": "a text"}, 200), "models.failed"),
        (answer({}, 404), "models.none"),
    ],
)
def test_a_missing_list_of_models_is_reported(upstream: Upstream, script: Script, code: str) -> None:
    upstream.choose = answers({**LISTED, "GET /v1/models": only_with_a_key(script)}, answer({}, 401))
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert code in findings.bad
    status = int(bytes(script[0]).split()[1])  # type: ignore[arg-type]
    assert ("chat.failed" in findings.bad) is (status in (200, 404) and code != "models.empty")
    if code == "models.empty":
        assert "chat.failed" in probe(f"http://127.0.0.1:{upstream.port}", model="mine").bad


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("gpt-5.5", "gpt-5.4-mini"), "gpt-5.4-mini"),
        (("text-embedding-3-small", "some-model"), "some-model"),
        (("whisper-1",), "gpt-5.4-mini"),
        ((), "gpt-5.4-mini"),
    ],
)
def test_a_cheap_chat_model_is_chosen(names: tuple[str, ...], chosen: str) -> None:
    assert choose_model(names) == chosen


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ((("access-control-allow-origin", "*"), ("access-control-allow-headers", "Authorization")), "cors.ok"),
        ((("access-control-allow-origin", "*, *"), ("access-control-allow-headers", "x")), "cors.doubled"),
        ((("access-control-allow-origin", "*"), ("access-control-allow-headers", "content-type")), "cors.none"),
        ((("access-control-allow-origin", "https://other.test"),), "cors.none"),
    ],
)
def test_cors_is_judged_as_a_browser_would(upstream: Upstream, fields: tuple[tuple[str, str], ...], code: str) -> None:
    table = {**LISTED, "OPTIONS /v1/chat/completions": whole(b"", 200, *fields)}
    upstream.choose = answers(table, answer({}, 401))
    assert code in probe(f"http://127.0.0.1:{upstream.port}").codes


def test_the_spellings_that_do_not_work_are_named(upstream: Upstream) -> None:
    upstream.choose = answers({**LISTED, "GET /models": whole(b"<p>", 200, kind="text/html")}, PAGE)
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert findings.of("paths.some")["list"] == "…, …/v1/v1, …//v1, …/v1/"
    assert findings.of("paths.some")["base"] == f"http://127.0.0.1:{upstream.port}/v1"


OWN = Keys("", "", "", "sk-canary-provider", "OPENAI_API_KEY")


def test_a_provider_s_key_goes_only_to_a_sluice_that_asks_for_one(
    upstream: Upstream, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{upstream.port}"
    upstream.choose = answers({"GET /v1/models": MODELS}, PAGE)
    assert "key.withheld" not in probe(url, OWN).codes  # no Sluice
    upstream.choose = answers({**LISTED, "GET /v1/models": MODELS}, PAGE)
    assert "key.source" not in probe(url, OWN).codes  # one with a key of its own
    upstream.choose = answers({"GET /readyz": ready(access="own-key"), "GET /v1/models": MODELS}, PAGE)
    monkeypatch.setattr(addresses, "is_plain", lambda _: True)
    assert "key.withheld" in probe(url, OWN).codes
    assert not any("canary-provider" in (call.header("authorization") or "") for call in upstream.received)
    monkeypatch.undo()
    assert probe(url, OWN).of("key.source") == {"source": "OPENAI_API_KEY"}
    assert any(call.header("authorization") == "Bearer sk-canary-provider" for call in upstream.received)


def test_body_sizes_are_tested_without_calling_the_upstream(upstream: Upstream, serve: Serve) -> None:
    upstream.choose = answers({"GET /v1/models": MODELS}, answer({}, 500))
    findings = probe(serve(ScfWebApp).url, size=True)
    assert findings.of("size.below")["size"] == extras.BELOW
    assert findings.of("size.above")["status"] == 413 and findings.of("size.above")["size"] > 6_000_000
    assert max(len(call.body) for call in upstream.received) < 1000
    small = probe(serve(ScfWebApp, MAX_BODY_MB="1").url, size=True)
    assert "413" in small.of("size.refused")["what"]
    assert "size.unknown" in probe(serve().url, size=True).codes


@pytest.mark.parametrize(("script", "code"), [(answer({}, 400), "size.passed"), ((Cut(),), "size.lost")])
def test_a_platform_that_differs_from_its_documented_limit_is_reported(
    upstream: Upstream, script: Script, code: str
) -> None:
    table = {**LISTED, "GET /readyz": ready(platform="aws-lambda-stream"), f"POST /v1/{INPUT_TOKENS}": script}
    upstream.choose = answers(table, answer({}, 401))
    assert code in probe(f"http://127.0.0.1:{upstream.port}", size=True).bad


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ({"status": {"indicator": "none", "description": "All Systems Operational"}}, "status.ok"),
        ({"status": {"indicator": "major", "description": "Elevated errors"}}, "status.trouble"),
        ({"page": {}}, "status.unknown"),
    ],
)
def test_the_status_page_is_checked_if_openai_answers(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, page: Any, code: str
) -> None:
    monkeypatch.setattr(extras, "STATUS_URL", f"http://127.0.0.1:{upstream.port}/status.json")
    listed = answer({"data": [{"id": "m"}]}, 200, ("openai-version", "2020-10-01"))
    table = {**LISTED, "GET /v1/models": only_with_a_key(listed), "GET /status.json": answer(page)}
    upstream.choose = answers(table, answer({}, 401))
    findings = probe(f"http://127.0.0.1:{upstream.port}")
    assert code in findings.codes
    (call,) = [call for call in upstream.received if call.target == "/status.json"]
    assert call.header("authorization") is None


REFUSAL = {"error": {"message": "Incorrect API key provided", "type": "x", "param": None, "code": "invalid_api_key"}}


def test_the_upstream_refusing_the_server_s_key_does_not_blame_the_caller(serve: Serve, upstream: Upstream) -> None:
    upstream.choose = answers({}, answer(REFUSAL, 401))
    url = serve(OPENAI_API_KEY="sk-wrong", PROXY_KEY=KEY).url
    findings = probe(url)
    assert findings.bad == ["upstream.key"] and "paths.ok" in findings.codes and "access.guarded" in findings.codes
    assert findings.of("upstream.key") == {
        "name": "default",
        "what": "HTTP 401",
        "setting": "OPENAI_API_KEY",
    }
    # A wrong key of the caller's is still the caller's.
    assert probe(url, key=f"{KEY}-x").bad == ["key.refused"]
    assert probe(serve().url, key="sk-of-a-caller").bad == ["upstream.own_key"]
    assert probe(serve(PROXY_KEY=KEY).url, key=f"sk-of-a-caller:{KEY}").bad == ["upstream.own_key"]
    assert probe(serve(PROXY_KEY=KEY).url, key="sk-of-a-caller:wrong").bad == ["key.refused"]


def test_an_upstream_base_url_without_its_path_is_reported(serve: Serve, upstream: Upstream) -> None:
    upstream.choose = answers({}, answer({"error": {"message": "no such page"}}, 404))
    findings = probe(serve(OPENAI_API_KEY="sk-right", PROXY_KEY=KEY).url)
    assert findings.bad == ["upstream.base"] and "paths.ok" in findings.codes
    # No list of models, and a page for that, is nothing to blame the address for.
    refused = answer({"error": {"message": "no model"}}, 400)
    upstream.choose = answers({"POST /v1/chat/completions": refused}, answer({}, 404))
    assert "models.none" in probe(serve(OPENAI_API_KEY="sk-right", PROXY_KEY=KEY).url).bad


def test_of_several_upstreams_the_one_that_refuses_is_named(serve: Serve, upstream: Upstream) -> None:
    def respond(received: Received) -> Script:
        return answer({}, 404) if received.header("authorization") == "Bearer sk-b" else answer(REFUSAL, 403)

    upstream.choose = respond
    provider = '{"name":"%s","base_url":"%s","keys":"sk-%s","models":"%s*"}'
    base = f"http://127.0.0.1:{upstream.port}"
    table = ",".join(provider % (name, base, name, name) for name in ("a", "b"))
    findings = probe(serve(UPSTREAMS=f"[{table}]", OPENAI_BASE_URL="", PROXY_KEY=KEY).url)
    setting = "a.keys (UPSTREAMS, sluice.toml)"
    assert findings.bad == ["upstream.key"]
    assert findings.of("upstream.key") == {"name": "a", "what": "HTTP 403", "setting": setting}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("default", ("OPENAI_API_KEY", "OPENAI_BASE_URL")),
        ("anthropic", ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")),
        ("gemini", ("GEMINI_API_KEY", "GEMINI_BASE_URL")),
        ("mine", ("mine.keys (UPSTREAMS, sluice.toml)", "mine.base_url (UPSTREAMS, sluice.toml)")),
    ],
)
def test_the_setting_to_change_is_that_of_the_upstream(name: str, settings: tuple[str, str]) -> None:
    assert (single_upstreams.setting_of(name, "keys"), single_upstreams.setting_of(name, "base_url")) == settings
