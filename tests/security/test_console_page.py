"""The page at `/` shows a command to copy and takes a key: nobody's link, host or answer may change what it does."""

from __future__ import annotations

import json
import re
import shutil
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest

from proxy import startup
from proxy.cli.bundle import sources
from proxy.endpoints.console import page
from proxy.endpoints.console.page import base_url
from proxy.messages import Headers, Request
from tests.support import core

COUNTING = {"STORE": "sqlite:budgets.db", "ADMIN_KEY": "canary-0123456789abcdef"}


def shown(path: str, host: str = "relay.example") -> str:
    return base_url(Request("GET", path, "", Headers([("host", host)]))).removeprefix("https://")


@pytest.mark.parametrize(
    "path", ["/https:/$(reboot)/v1", "/https://;reboot;/v1", "/http://&reboot&/", "/x'/v1", "/a/b"]
)
def test_a_path_with_more_than_a_stage_is_not_repeated(path: str) -> None:
    assert shown(path) == "relay.example"


@pytest.mark.parametrize(
    ("path", "stage"),
    [("/", ""), ("", ""), ("//", ""), ("/v1", ""), ("/V1/", ""), ("/release", "/release"), ("/Prod/v1/", "/Prod")],
)
def test_a_gateway_s_stage_is_a_part_of_the_address(path: str, stage: str) -> None:
    assert shown(path) == f"relay.example{stage}"


@pytest.mark.parametrize("host", ["evil$(reboot)", "a b", "h/../x", "h'", "<script>", "h\r\nx: 1", ""])
def test_a_host_that_is_none_is_not_repeated(host: str) -> None:
    assert shown("/", host) == "this-address"


@pytest.mark.parametrize(
    ("sent", "scheme"), [("http", "http"), ("https, http", "https"), ("", "https"), ("javascript", "https")]
)
def test_a_proxy_s_scheme_is_taken_if_it_is_one(sent: str, scheme: str) -> None:
    head = Headers([("host", "inside"), ("x-forwarded-host", "relay.example"), ("x-forwarded-proto", sent)])
    assert base_url(Request("GET", "/", "", head)) == f"{scheme}://relay.example"


def rendered(path: str = "/", host: str = "relay.example", **settings: str) -> tuple[str, dict[str, str]]:
    asked = Request("GET", path, "", Headers([("host", host)]))
    config = startup.load(settings)
    return page.render(asked, config, core.host()).decode(), dict(page.headers(config))


def element(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]


@pytest.mark.parametrize("settings", [{}, COUNTING], ids=["no store", "store"])
def test_the_policy_allows_the_very_bytes_that_are_served_and_nothing_else(settings: dict[str, str]) -> None:
    text, headers = rendered(**settings)
    policy = dict(part.partition(" ")[::2] for part in headers["content-security-policy"].split("; "))
    for name, found in (
        ("script-src", element(text, "\n<script>", "</script>")),
        ("style-src", element(text, "<style>", "</style>")),
    ):
        assert policy.pop(name) == f"'sha256-{b64encode(sha256(found.encode()).digest()).decode()}'"
    assert policy == {
        "default-src": "'none'",
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    script = element(text, "\n<script>", "</script>")
    assert not re.search(r"<[^>]* (style|on[a-z]+)=", text.replace(script, ""))
    assert not re.search(r"(src|href)=[\"'](?!data:)", text.replace(script, ""))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function", script)


def test_the_server_s_data_can_end_no_element() -> None:
    hostile = {"a": "</script><script>alert(1)</script><!--", "b": "&lt;\u2028\u2029\ud800", "c": ['"', "\\"]}
    text = page.inert(hostile)
    assert not re.search("[<>&\u2028\u2029\ud800]", text)
    assert json.loads(text) == hostile


@pytest.mark.parametrize("host", ['"><script>alert(1)</script>', "{{data}}", "evil$(reboot)"])
def test_what_a_caller_sends_is_nowhere_on_the_page(host: str) -> None:
    text, _ = rendered(host=host)
    assert host not in text and "https://this-address/v1" in text


def test_no_key_of_the_server_is_on_the_page() -> None:
    keys = {"OPENAI_API_KEY": "sk-canary-up", "PROXY_KEY": "pk-canary", "SIGNING_SECRET": "s" * 40 + "canary"}
    text, _ = rendered(**keys, **COUNTING, STORE_TOKEN="token-canary")
    assert "canary" not in text and "THE-PROXY-KEY" in text


def test_the_page_is_light() -> None:
    text, _ = rendered()
    assert len(text.encode()) < 88_000 and "usage" not in element(text, "<main>", "<script")
    text, _ = rendered(**COUNTING)
    assert len(text.encode()) < 103_000 and 'id="tab-usage"' in text


def test_a_bundle_of_python_alone_has_the_same_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = rendered(), rendered(**COUNTING)
    shutil.copytree(page.HERE, tmp_path / "console", ignore=shutil.ignore_patterns("__pycache__"))
    sources.pack_console(tmp_path / "console")
    assert {path.suffix for path in (tmp_path / "console").iterdir() if path.is_file()} == {".py"}
    packed = ModuleType("proxy.endpoints.console.packed")
    exec((tmp_path / "console" / "packed.py").read_text(encoding="utf-8"), packed.__dict__)
    monkeypatch.setitem(sys.modules, "proxy.endpoints.console.packed", packed)
    monkeypatch.setattr(page, "HERE", tmp_path / "nowhere")
    for part in (page.script, page.style):
        part.cache_clear()
    assert (rendered(), rendered(**COUNTING)) == pages
