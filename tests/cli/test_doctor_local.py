"""The doctor looks at a machine before it deploys: settings, packages, files that deploy, bundles, upstreams."""

from __future__ import annotations

import importlib.util
import os
import shutil
import ssl
import zipfile
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.doctor import bundles, extras, local, reach
from proxy.platforms import registry
from tests.cli.test_bundle import free_port
from tests.support.doctor import KEY, Looked, answers, looked, noted, said
from tests.support.proxies import SOCKS, only_proxies
from tests.support.upstream import Upstream


def look(root: Path, **environ: str) -> Looked:
    report = noted()
    local.examine(environ, root, report, ssl.create_default_context())
    return looked(report)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with what a bundle is made of, all of it from yesterday."""
    for name in ("handler.py", "scf_bootstrap", "aws_bootstrap", "requirements.txt", "proxy/relay.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"#!/bin/bash\nexec true\n")
        os.utime(path, (1_000_000, 1_000_000))
    return tmp_path


def test_a_demo_needs_nothing(tmp_path: Path) -> None:
    found = look(tmp_path, DEMO="1")
    assert found.bad == []
    assert {"access.demo", "upstream.demo", "file.none", "timeout.ok", "tokens.ok"} <= set(found.codes)
    assert {one.values["name"] for one in found.findings if one.code == "package.ok"} == set(local.PACKAGES)


@pytest.mark.parametrize(
    ("environ", "bad"),
    [
        ({"TIMEOUT_SECONDS": "3"}, ["timeout.short"]),
        ({"FIRST_BYTE_SECONDS": "700"}, ["timeout.first"]),
        ({"KEEPALIVE_SECONDS": "45"}, ["timeout.pings"]),
        ({"KEEPALIVE_FIRST_SECONDS": "0"}, ["timeout.no_pings"]),
    ],
)
def test_waiting_times_that_make_no_sense(tmp_path: Path, environ: dict[str, str], bad: list[str]) -> None:
    found = look(tmp_path, DEMO="1", **environ)
    assert found.bad == bad and "timeout.ok" not in found.codes


def test_a_wrong_setting_is_told_and_the_files_are_looked_at_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "serverless.yml").write_text("inputs:\n  region: ap-guangzhou\n  timeout: 3  # seconds\n")
    found = look(tmp_path, MAX_BODY_MB="much")
    assert found.bad == ["settings.wrong", "manifest.short"]
    assert "MAX_BODY_MB" in found.of("settings.wrong")["message"]


def test_files_that_deploy_where_openai_does_not_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "examine", lambda *_, **__: False)
    (tmp_path / "serverless.yml").write_text("inputs:\n  region: ap-hongkong\n  timeout: 300\n")
    (tmp_path / "template.yaml").write_text("Globals:\n  Function:\n    Timeout: 3\n")
    found = look(tmp_path, OPENAI_API_KEY=KEY, PROXY_KEY="pk-of-callers")
    assert found.of("region.unserved")["region"] == "ap-hongkong"
    assert found.of("manifest.short") == {"file": "template.yaml", "seconds": 3}
    assert {"access.proxy-key", "manifest.ok"} <= set(found.codes)
    (tmp_path / "serverless.yml").write_text("inputs:\n  region: ap-tokyo\n")
    assert "region.ok" in look(tmp_path, OPENAI_API_KEY=KEY, ALLOW_ANONYMOUS="1").codes
    elsewhere = look(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL="https://api.deepseek.com/v1")
    assert "access.closed" in elsewhere.bad and not [one for one in elsewhere.codes if one.startswith("region")]


def test_a_settings_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("demo = true\n")
    assert look(tmp_path, CONFIG_FILE=str(file)).of("file.found")["path"] == str(file)


@pytest.mark.parametrize("name", local.PACKAGES)
def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    real = importlib.util.find_spec

    def found(asked: str, *more: Any) -> Any:
        return None if asked == name else real(asked, *more)

    monkeypatch.setattr(importlib.util, "find_spec", found)
    monkeypatch.setattr(local, "find_spec", found)
    told = look(tmp_path, DEMO="1")
    assert told.bad == [f"package.{name}", *(["tokens.missing"] if name == "tiktoken" else [])]


def test_each_key_of_an_upstream_is_tried(tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.choose = lambda asked: (
        said({"data": []}) if asked.header("authorization") == "Bearer good-key" else said({"error": {}}, 401)
    )
    found = look(tmp_path, OPENAI_BASE_URL=upstream.url, OPENAI_API_KEY=f"good-key,{KEY}", PROXY_KEY="pk")
    assert found.of("upstream.ok")["name"] == "default/1" and found.of("upstream.key")["name"] == "default/2"
    assert "status.other" in found.codes and "dns.ok" in found.codes


def test_a_pass_through_only_has_to_be_reached(tmp_path: Path, upstream: Upstream) -> None:
    upstream.choose = answers({}, said({"error": {}}, 401))
    assert look(tmp_path, OPENAI_BASE_URL=upstream.url).of("upstream.reached") == {
        "name": "default",
        "what": "HTTP 401, application/json",
    }
    assert look(tmp_path, OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1").bad == ["tcp.upstream"]


def test_without_any_settings_it_says_what_serve_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "examine", lambda *_, **__: False)
    monkeypatch.setattr(extras, "STATUS_URL", f"http://127.0.0.1:{free_port()}/")
    assert "settings.demo" in look(tmp_path).codes
    assert "settings.demo" not in look(tmp_path, DEMO="1").codes


def test_an_upstream_that_is_not_known_is_a_matter_of_the_settings(tmp_path: Path) -> None:
    assert look(tmp_path, OPENAI_BASE_URL="https://sluice.invalid/v1").bad == ["dns.upstream"]


def test_azure_is_asked_in_its_own_way(tmp_path: Path, upstream: Upstream) -> None:
    upstream.choose = answers({}, said({"data": []}))
    base = upstream.url.removesuffix("/v1")
    one = f'{{"name":"az","kind":"azure","api_version":"2024-10-21","base_url":"%s","keys":["{KEY}"]}}'
    for address in (base, f"{base}/openai"):
        upstream.received.clear()
        found = look(tmp_path, UPSTREAMS=f"[{one % address}]", PROXY_KEY="pk")
        assert found.of("upstream.ok")["name"] == "az"
        (asked,) = upstream.received
        assert asked.target == "/openai/models?api-version=2024-10-21" and asked.header("api-key") == KEY


def test_openai_s_status_page_is_asked_where_it_is_the_upstream(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.choose = answers({}, said({"status": {"indicator": "none", "description": "fine"}}))
    monkeypatch.setattr(extras, "STATUS_URL", f"http://127.0.0.1:{upstream.port}/status.json")
    monkeypatch.setattr(reach, "examine", lambda *_, **__: False)
    assert look(tmp_path, OPENAI_API_KEY=KEY, PROXY_KEY="pk").of("status.ok")["message"] == "fine"
    (asked,) = upstream.received
    assert asked.header("authorization") is None


def examined(root: Path) -> Looked:
    report = noted()
    bundles.examine(root, report)
    return looked(report)


def packed(root: Path, name: str = "scf-web", bits: int = 0o755, text: bytes = b"#!/bin/bash\n") -> Path:
    """A zip as `bundle` makes it, with these bits on what the platform starts."""
    path = root / "build" / f"sluice-{name}.zip"
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("scf_bootstrap")
        entry.external_attr = (0o100000 | bits) << 16
        archive.writestr(entry, text)
        archive.writestr("handler.py", b"x" * 1000)
    return path


def test_without_a_bundle_there_is_nothing_to_say(project: Path) -> None:
    assert examined(project).codes == ["bundle.none"]


def test_a_fresh_bundle_is_fine(project: Path) -> None:
    packed(project)
    assert examined(project).codes == ["bundle.ok"]


@pytest.mark.parametrize(
    "changed",
    ["proxy/relay.py", "handler.py", "scf_bootstrap", "sluice.toml", "proxy/a.js", "proxy/a.css", "proxy/a.html"],
)
def test_a_bundle_that_is_older_than_its_sources_is_stale(project: Path, changed: str) -> None:
    path = packed(project)
    os.utime(path, (2_000_000, 2_000_000))
    (project / changed).touch()
    found = examined(project)
    assert found.codes == ["bundle.stale"] and found.of("bundle.stale")["file"] == changed


def test_what_no_function_runs_makes_no_bundle_stale(project: Path) -> None:
    path = packed(project)
    os.utime(path, (2_000_000, 2_000_000))
    (project / "proxy" / "cli").mkdir()
    (project / "proxy" / "cli" / "doctor.py").touch()
    (project / "proxy" / "notes.txt").touch()
    assert examined(project).codes == ["bundle.ok"]


def test_a_bundle_that_the_platform_cannot_start(project: Path) -> None:
    packed(project, bits=0o644, text=b"#!/bin/bash\r\n")
    assert examined(project).codes == ["bundle.bits", "bundle.lines"]
    packed(project).write_bytes(b"no zip")
    assert "bundle.broken" in examined(project).codes


def test_a_bundle_without_what_the_platform_starts_is_broken(project: Path) -> None:
    folder = project / "build" / "aws"
    folder.mkdir(parents=True)
    assert examined(project).codes == ["bundle.broken"]
    folder.rmdir()
    path = packed(project)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.py", b"")
    assert examined(project).codes == ["bundle.broken"]


def test_a_folder_is_looked_at_as_it_would_be_uploaded(project: Path) -> None:
    folder = project / "build" / "aws"
    folder.mkdir(parents=True)
    for name in ("handler.py", "aws_bootstrap"):
        shutil.copy(project / name, folder / name)
    (folder / "aws_bootstrap").chmod(0o644)
    if os.name != "nt":
        assert examined(project).codes == ["bundle.bits"]
    (folder / "aws_bootstrap").chmod(0o755)
    found = examined(project)
    assert found.codes == ["bundle.ok"] and found.of("bundle.ok")["size"] > 0


@pytest.mark.parametrize("field", ["limit", "zip_limit"])
def test_a_bundle_that_is_too_large(project: Path, monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    from dataclasses import replace

    small = replace(registry.BUNDLES["scf-web"], **{field: 100})  # type: ignore[arg-type]
    monkeypatch.setattr(bundles, "BUNDLES", {"scf-web": small})
    packed(project)
    assert examined(project).codes == ["bundle.large"]


def test_without_any_source_nothing_is_stale(tmp_path: Path) -> None:
    packed(tmp_path)
    assert examined(tmp_path).codes == ["bundle.ok"]


def test_a_proxy_in_the_way_of_the_upstream(project: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.play(said({"data": []}))
    settings = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": KEY, "PROXY_KEY": "pk-3f9c1b-of-callers"}
    only_proxies(monkeypatch, {"all_proxy": SOCKS})
    monkeypatch.setenv("no_proxy", "status.openai.com")
    found = look(project, **settings)
    assert "proxy.upstream" in found.codes and "upstream.ok" not in found.codes
    assert found.of("proxy.upstream") == {"proxy": SOCKS, "variable": "all_proxy"}
    # The engine that goes straight is asked about as it goes.
    found = look(project, **settings, UPSTREAM_ENGINE="direct")
    assert "upstream.ok" in found.codes and not [one for one in found.codes if one.startswith(("proxy.", "way."))]
    only_proxies(monkeypatch, {"http_proxy": f"127.0.0.1:{free_port()}"})
    assert "proxy.dead_upstream" in look(project, **settings).codes


def test_an_upstream_s_404_is_no_sign_of_health(tmp_path: Path, upstream: Upstream) -> None:
    root = f"http://127.0.0.1:{upstream.port}"
    settings = {"OPENAI_BASE_URL": root, "OPENAI_API_KEY": KEY, "PROXY_KEY": "pk-3f9c1b-of-callers"}
    upstream.choose = answers({"GET /v1/models": said({"data": []})}, said({}, 404))
    assert look(tmp_path, **settings).of("upstream.base") == {"name": "default", "better": f"{root}/v1"}
    upstream.choose = answers({}, said({}, 404))
    assert look(tmp_path, **settings).of("upstream.base")["better"] == "…/v1"
    assert look(tmp_path, **{**settings, "OPENAI_BASE_URL": f"{root}/v1"}).of("upstream.base")["better"] == "…/v1"
    upstream.choose = answers({"POST /chat/completions": said({"error": {"message": "model?"}}, 400)}, said({}, 404))
    assert "upstream.no_list" in look(tmp_path, **settings).codes
    upstream.choose = answers({}, said({}, 503))
    assert "upstream.failed" in look(tmp_path, **settings).codes
