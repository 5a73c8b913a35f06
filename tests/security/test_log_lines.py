"""What callers and upstreams put into places that are logged: a key, a page of text, control characters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.messages import Headers, Request
from tests.support.core import Listed, run

JSON = (("content-type", "application/json"),)
OWN = "AIzaCanary"  # no vendor's keys need to begin with sk-
SERVER = {"PROXY_KEY": "pk-canary", "OPENAI_API_KEY": "server-canary"}


def logged(
    path: str = "/v1/models",
    method: str = "GET",
    body: bytes = b"",
    headers: tuple[tuple[str, str], ...] = (("authorization", f"Bearer {OWN}"),),
    upstream: Listed | None = None,
    settings: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The one line that a call writes."""
    lines: list[str] = []
    asked = Request(method, path, "", Headers(headers), body)
    run(upstream or Listed(b"{}", headers=JSON), asked, lines, settings=settings)
    if settings and 0 < len(settings.get("PROXY_KEY", "")) < 16:
        assert json.loads(lines.pop(0))["event"] == "configuration"
    assert len(lines) == 1
    assert "anary" not in lines[0].replace("is-no-canary", "")
    found: dict[str, Any] = json.loads(lines[0])
    return found


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/v1/{OWN}/models", "/v1/*/models"),
        (f"/v1/models/{OWN}", "/v1/models/*"),
        ("/v1/models/sk-someone-s-canary", "/v1/models/*"),
        ("/v1/models/SK-canary", "/v1/models/*"),
        ("/v1/models/task-is-no-canary", "/v1/models/task-is-no-canary"),
    ],
)
def test_a_key_in_a_path_is_a_star(path: str, shown: str) -> None:
    assert logged(path)["path"] == shown


@pytest.mark.parametrize("key", SERVER.values())
def test_the_server_s_own_keys_are_stars_too(key: str) -> None:
    sent = (("x-api-key", SERVER["PROXY_KEY"]),)
    assert logged(f"/v1/models/{key}", headers=sent, settings=SERVER)["path"] == "/v1/models/*"
    assert logged(f"/v1/models/{key}", headers=(), settings=SERVER)["status"] == 401


def test_a_short_key_hides_nothing_but_itself() -> None:
    sent = (("x-api-key", "m"),)
    assert logged("/v1/models/m", headers=sent)["path"] == "/v1/models/m"
    assert logged("/v1/models/m", headers=sent, settings={"PROXY_KEY": "m"})["path"] == "/v1/models/*"


@pytest.mark.parametrize("method", ["SK-CANARY", "CANARY" * 50])
def test_a_method_that_is_none_is_a_star(method: str) -> None:
    assert logged(method=method)["method"] == "*"
    assert logged(method="PATCH")["method"] == "PATCH"


@pytest.mark.parametrize(
    "said", [f"echo-{OWN}", "sk-canary", "canary says " + "x" * 5_000, "canary\x1b[2J", "字canary"]
)
def test_an_upstream_s_words_for_ids_and_models_are_only_logged_where_they_look_like_it(said: str) -> None:
    told = json.dumps({"model": said, "usage": {"prompt_tokens": 1}}, ensure_ascii=False).encode()
    line = logged("/v1/chat/completions", "POST", b"{}", upstream=Listed(told, headers=(*JSON, ("x-request-id", said))))
    assert "upstream_request_id" not in line and "gen_ai.response.model" not in line
    assert line["gen_ai.usage.input_tokens"] == 1
