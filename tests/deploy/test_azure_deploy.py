"""What is deployed to Azure means what we mean, and its pages' commands deploy just that."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from proxy import startup
from proxy.errors import ConfigError
from proxy.platforms.limits import number
from proxy.platforms.registry import BUNDLES
from tests.support.azure import started, unpacked
from tests.support.bundles import Bundles
from tests.support.client import call
from tests.support.documents import blocks
from tests.support.paths import ROOT
from tests.support.upstream import Upstream, whole

pytestmark = pytest.mark.any_python("files are read, and a bundle is for its platform's Python")
AZURE = ROOT / "azure"
PAGES = ("docs/deploy-azure.md", "docs/deploy-azure.zh-CN.md")
PROXY_KEY = "pk-0123456789abcdef"
KEYS = {"OPENAI_API_KEY": "sk-server", "PROXY_KEY": PROXY_KEY}
CALLER = (("Authorization", f"Bearer {PROXY_KEY}"), ("Content-Type", "application/json"))


def read(name: str) -> Any:
    return json.loads((AZURE / name).read_text(encoding="utf-8"))


def commands(page: str, start: str) -> list[str]:
    """The page's lines of shell that begin so, without what only a deployer knows."""
    lines = [line.partition("  #")[0].strip() for block in blocks(page, "sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith(start)]


def test_every_path_and_method_reaches_the_function_without_a_key_of_azure_s() -> None:
    trigger, answer = read("sluice/function.json")["bindings"]
    assert (trigger["type"], trigger["authLevel"], trigger["route"]) == ("httpTrigger", "anonymous", "{*path}")
    assert {*trigger["methods"]} == {"get", "post", "put", "delete", "patch", "head", "options"}
    assert (answer["type"], answer["direction"]) == ("http", "out"), "one in, one out: only such a function is proxied"
    assert read("host.json")["extensions"]["http"]["routePrefix"] == "", "/v1, not /api/v1"


def test_the_host_proxies_calls_and_starts_what_is_in_the_bundle() -> None:
    host = read("host.json")
    assert host["version"] == "2.0" and host["customHandler"]["enableProxyingHttpRequest"] is True
    assert "enableForwardingHttpRequest" not in host["customHandler"], "that one sends an answer only when it is whole"
    hours, minutes, seconds = (int(part) for part in host["functionTimeout"].split(":"))
    assert hours * 3600 + minutes * 60 + seconds == number("azure", "function", "time-out")
    program = host["customHandler"]["description"]
    assert program["defaultExecutablePath"] == "python" and program["arguments"][-1] in BUNDLES["azure"].files


def test_azure_s_own_build_has_nothing_to_install() -> None:
    """It installs requirements.txt into .python_packages, for every Python app that az uploads."""
    lines = (AZURE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert lines and all(line.startswith("#") for line in lines)


def test_the_zip_has_its_files_where_the_host_looks_for_them(bundles: Bundles) -> None:
    with zipfile.ZipFile(bundles("azure") / "sluice-azure.zip") as archive:
        names = {*archive.namelist()}
    assert {"host.json", "app.py", "requirements.txt", "sluice/function.json"} <= names
    functions = {name for name in names if name.endswith("/function.json")}
    assert functions == {"sluice/function.json"}, "each folder with such a file is a function"


def test_without_its_keys_a_deployment_says_what_is_missing(bundles: Bundles, tmp_path: Path) -> None:
    folder = unpacked(bundles, tmp_path)
    with started(folder) as port:
        result = call(port, "POST", "/v1/chat/completions", CALLER, b"{}")
        assert result.status == 500 and "PROXY_KEY" in result.json()["error"]["message"]


def test_with_its_keys_it_serves_those_who_have_the_proxy_key(
    bundles: Bundles, tmp_path: Path, upstream: Upstream
) -> None:
    upstream.play(whole(b'{"ok":1}'))
    with started(unpacked(bundles, tmp_path), OPENAI_BASE_URL=upstream.url, **KEYS) as port:
        stranger = (("Authorization", "Bearer sk-stranger"), CALLER[1])
        assert call(port, "POST", "/v1/chat/completions", stranger, b"{}").status == 401
        assert call(port, "POST", "/v1/chat/completions", CALLER, b"{}").body == b'{"ok":1}'
    assert ("authorization", "Bearer sk-server") in [(n.lower(), v) for n, v in upstream.received[0].headers]


@pytest.mark.parametrize("page", PAGES)
def test_the_page_s_settings_are_fine_as_they_stand(page: str) -> None:
    (line,) = commands(page, "az functionapp config appsettings set")
    given = dict(part.partition("=")[::2] for part in line.partition("--settings ")[2].split())
    assert given.pop("AzureWebJobsDisableHomepage") == "true", "or / shows Azure's page in place of the console"
    assert set(given) == {"ACCESS", "OPENAI_API_KEY", "PROXY_KEY"}
    settings = startup.load({"ACCESS": given["ACCESS"], **KEYS})
    assert settings.access == "proxy-key" and not settings.allow_anonymous
    with pytest.raises(ConfigError, match="PROXY_KEY"):
        startup.load({"ACCESS": given["ACCESS"], "OPENAI_API_KEY": "sk-x"})


@pytest.mark.parametrize("page", PAGES)
def test_the_page_s_commands_agree_with_what_is_deployed(page: str) -> None:
    (made,) = commands(page, "az functionapp create")
    assert f"--runtime python --runtime-version {BUNDLES['azure'].python} " in made and "--https-only true" in made
    region = re.search(r"--flexconsumption-location (\w+)", made)
    assert region is not None
    (group,) = commands(page, "az group create")
    assert f"--location {region[1]}" in group, "the group, its storage and the app are in one region"
    uploads = commands(page, "az functionapp deployment source config-zip")
    assert len(uploads) == 3 and all("--src build/sluice-azure.zip" in line for line in uploads)
    (scale,) = commands(page, "az functionapp scale config set")
    by_default = number("azure", "function", "calls at once in an instance")
    assert int(scale.rpartition("perInstanceConcurrency=")[2]) > by_default


def test_both_pages_have_the_same_commands() -> None:
    assert commands(PAGES[0], "az ") == commands(PAGES[1], "az ")
