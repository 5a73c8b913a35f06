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
from tests.support.doctor import KEY, Findings, answer, answers, findings_of, new_report
from tests.support.process import free_port
from tests.support.proxies import SOCKS, only_proxies
from tests.support.upstream import Upstream


def examine(root: Path, **environ: str) -> Findings:
    report = new_report()
    local.examine(environ, root, report, ssl.create_default_context())
    return findings_of(report)


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
    findings = examine(tmp_path, DEMO="1")
    assert findings.bad == []
    assert {"access.demo", "upstream.demo", "file.none", "timeout.ok", "tokens.ok"} <= set(findings.codes)
    assert {finding.values["name"] for finding in findings.all if finding.code == "package.ok"} == set(local.PACKAGES)


@pytest.mark.parametrize(
    ("environ", "bad"),
    [
        ({"TIMEOUT_SECONDS": "3"}, ["timeout.short"]),
        ({"FIRST_BYTE_SECONDS": "700"}, ["timeout.first"]),
        ({"KEEPALIVE_SECONDS": "45"}, ["timeout.pings"]),
        ({"KEEPALIVE_FIRST_SECONDS": "0"}, ["timeout.no_pings"]),
    ],
)
def test_inconsistent_time_outs_are_reported(tmp_path: Path, environ: dict[str, str], bad: list[str]) -> None:
    findings = examine(tmp_path, DEMO="1", **environ)
    assert findings.bad == bad and "timeout.ok" not in findings.codes


def test_an_invalid_setting_does_not_stop_the_check_of_manifests(tmp_path: Path) -> None:
    (tmp_path / "serverless.yml").write_text("inputs:\n  region: ap-guangzhou\n  timeout: 3  # seconds\n")
    findings = examine(tmp_path, MAX_BODY_MB="much")
    assert findings.bad == ["settings.wrong", "manifest.short"]
    assert "MAX_BODY_MB" in findings.of("settings.wrong")["message"]


def test_manifests_with_a_region_that_openai_does_not_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "examine", lambda *_, **__: False)
    (tmp_path / "serverless.yml").write_text("inputs:\n  region: ap-hongkong\n  timeout: 300\n")
    (tmp_path / "template.yaml").write_text("Globals:\n  Function:\n    Timeout: 3\n")
    findings = examine(tmp_path, OPENAI_API_KEY=KEY, PROXY_KEY="pk-of-callers")
    assert findings.of("region.unserved")["region"] == "ap-hongkong"
    assert findings.of("manifest.short") == {"file": "template.yaml", "seconds": 3}
    assert {"access.proxy-key", "manifest.ok"} <= set(findings.codes)
    (tmp_path / "serverless.yml").write_text("inputs:\n  region: ap-tokyo\n")
    assert "region.ok" in examine(tmp_path, OPENAI_API_KEY=KEY, ALLOW_ANONYMOUS="1").codes
    elsewhere = examine(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL="https://api.deepseek.com/v1")
    assert "access.closed" in elsewhere.bad and not [code for code in elsewhere.codes if code.startswith("region")]


def test_a_settings_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("demo = true\n")
    assert examine(tmp_path, CONFIG_FILE=str(file)).of("file.found")["path"] == str(file)


@pytest.mark.parametrize("name", local.PACKAGES)
def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    real = importlib.util.find_spec

    def find_spec(module: str, *more: Any) -> Any:
        return None if module == name else real(module, *more)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    monkeypatch.setattr(local, "find_spec", find_spec)
    findings = examine(tmp_path, DEMO="1")
    assert findings.bad == [f"package.{name}", *(["tokens.missing"] if name == "tiktoken" else [])]


def test_each_key_of_an_upstream_is_tried(tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.choose = lambda call: (
        answer({"data": []}) if call.header("authorization") == "Bearer good-key" else answer({"error": {}}, 401)
    )
    findings = examine(tmp_path, OPENAI_BASE_URL=upstream.url, OPENAI_API_KEY=f"good-key,{KEY}", PROXY_KEY="pk")
    assert findings.of("upstream.ok")["name"] == "default/1" and findings.of("upstream.key")["name"] == "default/2"
    assert "status.other" in findings.codes and "dns.ok" in findings.codes


def test_a_pass_through_upstream_only_has_to_be_reachable(tmp_path: Path, upstream: Upstream) -> None:
    upstream.choose = answers({}, answer({"error": {}}, 401))
    assert examine(tmp_path, OPENAI_BASE_URL=upstream.url).of("upstream.reached") == {
        "name": "default",
        "what": "HTTP 401, application/json",
    }
    assert examine(tmp_path, OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1").bad == ["tcp.upstream"]


def test_without_any_settings_it_says_what_serve_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "examine", lambda *_, **__: False)
    monkeypatch.setattr(extras, "STATUS_URL", f"http://127.0.0.1:{free_port()}/")
    assert "settings.demo" in examine(tmp_path).codes
    assert "settings.demo" not in examine(tmp_path, DEMO="1").codes


def test_an_upstream_that_does_not_resolve_blames_the_settings(tmp_path: Path) -> None:
    assert examine(tmp_path, OPENAI_BASE_URL="https://sluice.invalid/v1").bad == ["dns.upstream"]


def test_azure_is_called_with_its_own_path_and_header(tmp_path: Path, upstream: Upstream) -> None:
    upstream.choose = answers({}, answer({"data": []}))
    base = upstream.url.removesuffix("/v1")
    upstream_settings = f'{{"name":"az","kind":"azure","api_version":"2024-10-21","base_url":"%s","keys":["{KEY}"]}}'
    for address in (base, f"{base}/openai"):
        upstream.received.clear()
        findings = examine(tmp_path, UPSTREAMS=f"[{upstream_settings % address}]", PROXY_KEY="pk")
        assert findings.of("upstream.ok")["name"] == "az"
        (call,) = upstream.received
        assert call.target == "/openai/models?api-version=2024-10-21" and call.header("api-key") == KEY


def test_the_status_page_is_checked_if_openai_is_the_upstream(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.choose = answers({}, answer({"status": {"indicator": "none", "description": "fine"}}))
    monkeypatch.setattr(extras, "STATUS_URL", f"http://127.0.0.1:{upstream.port}/status.json")
    monkeypatch.setattr(reach, "examine", lambda *_, **__: False)
    assert examine(tmp_path, OPENAI_API_KEY=KEY, PROXY_KEY="pk").of("status.ok")["message"] == "fine"
    (call,) = upstream.received
    assert call.header("authorization") is None


def examined(root: Path) -> Findings:
    report = new_report()
    bundles.examine(root, report)
    return findings_of(report)


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


def test_a_missing_bundle_is_skipped(project: Path) -> None:
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
    findings = examined(project)
    assert findings.codes == ["bundle.stale"] and findings.of("bundle.stale")["file"] == changed


def test_files_outside_the_bundle_do_not_make_it_stale(project: Path) -> None:
    path = packed(project)
    os.utime(path, (2_000_000, 2_000_000))
    (project / "proxy" / "cli").mkdir()
    (project / "proxy" / "cli" / "doctor.py").touch()
    (project / "proxy" / "notes.md").touch()
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


def test_a_folder_is_checked_as_it_would_be_uploaded(project: Path) -> None:
    folder = project / "build" / "aws"
    folder.mkdir(parents=True)
    for name in ("handler.py", "aws_bootstrap"):
        shutil.copy(project / name, folder / name)
    (folder / "aws_bootstrap").chmod(0o644)
    if os.name != "nt":
        assert examined(project).codes == ["bundle.bits"]
    (folder / "aws_bootstrap").chmod(0o755)
    findings = examined(project)
    assert findings.codes == ["bundle.ok"] and findings.of("bundle.ok")["size"] > 0


def test_what_deploying_leaves_in_a_folder_is_not_counted(project: Path) -> None:
    """`uv run` makes an environment in build/cloudflare, and npx vercel a folder of its own in build/vercel."""
    for name, sources, left in (
        ("cloudflare", "src", (".venv", ".venv-workers", "node_modules", ".wrangler")),
        ("vercel", ".", (".vercel", ".venv", "node_modules", "__pycache__")),
    ):
        bundle, folder = registry.BUNDLES[name], project / "build" / name
        for file in (*bundle.files, f"{sources}/proxy/relay.py"):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(b"x" * 100_000)
        counted = bundles.uploaded(bundle, folder)
        for other in left:
            (folder / other).mkdir()
            (folder / other / "large").write_bytes(b"x" * 4_000_000)
        assert bundles.uploaded(bundle, folder) == counted != []
    findings = examined(project)
    assert [code for code in findings.codes if code != "bundle.stale"] == ["bundle.ok"] * 2
    sizes = {finding.values["name"]: finding.values["size"] for finding in findings.all}
    assert sizes == {"cloudflare": pytest.approx(0.2), "vercel": pytest.approx(0.4)}


def test_what_is_uploaded_with_the_rest_is_counted(project: Path) -> None:
    """Tencent's tool uploads the folder as it is."""
    folder = project / "build" / "scf-web"
    (folder / ".venv").mkdir(parents=True)
    (folder / ".venv" / "large").write_bytes(b"x")
    assert bundles.uploaded(registry.BUNDLES["scf-web"], folder) == [folder / ".venv" / "large"]


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


def test_an_outbound_proxy_that_blocks_the_upstream_is_reported(
    project: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.play(answer({"data": []}))
    settings = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": KEY, "PROXY_KEY": "pk-3f9c1b-of-callers"}
    only_proxies(monkeypatch, {"all_proxy": SOCKS})
    monkeypatch.setenv("no_proxy", "status.openai.com")
    findings = examine(project, **settings)
    assert "proxy.upstream" in findings.codes and "upstream.ok" not in findings.codes
    assert findings.of("proxy.upstream") == {"proxy": SOCKS, "variable": "all_proxy"}
    # The direct engine bypasses the proxy, and so does the check.
    findings = examine(project, **settings, UPSTREAM_ENGINE="direct")
    assert "upstream.ok" in findings.codes and not [
        code for code in findings.codes if code.startswith(("proxy.", "way."))
    ]
    only_proxies(monkeypatch, {"http_proxy": f"127.0.0.1:{free_port()}"})
    assert "proxy.dead_upstream" in examine(project, **settings).codes


def test_an_upstream_that_answers_404_is_not_healthy(tmp_path: Path, upstream: Upstream) -> None:
    root = f"http://127.0.0.1:{upstream.port}"
    settings = {"OPENAI_BASE_URL": root, "OPENAI_API_KEY": KEY, "PROXY_KEY": "pk-3f9c1b-of-callers"}
    upstream.choose = answers({"GET /v1/models": answer({"data": []})}, answer({}, 404))
    expected = {"name": "default", "better": f"{root}/v1", "setting": "OPENAI_BASE_URL"}
    assert examine(tmp_path, **settings).of("upstream.base") == expected
    upstream.choose = answers({}, answer({}, 404))
    assert examine(tmp_path, **settings).of("upstream.base")["better"] == "…/v1"
    assert examine(tmp_path, **{**settings, "OPENAI_BASE_URL": f"{root}/v1"}).of("upstream.base")["better"] == "…/v1"
    upstream.choose = answers(
        {"POST /chat/completions": answer({"error": {"message": "model?"}}, 400)}, answer({}, 404)
    )
    assert "upstream.no_list" in examine(tmp_path, **settings).codes
    upstream.choose = answers({}, answer({}, 503))
    assert "upstream.failed" in examine(tmp_path, **settings).codes


def test_a_demo_with_a_key_for_callers_is_not_called_open(tmp_path: Path) -> None:
    codes = examine(tmp_path, DEMO="1", PROXY_KEY="7f3c9a51e0b24d6895aa31c4").codes
    assert "access.proxy-key" in codes and "access.demo" not in codes


def test_settings_that_the_demo_does_not_use_are_reported(tmp_path: Path) -> None:
    findings = examine(tmp_path, DEMO="1", OPENAI_API_KEY="sk-x")
    assert findings.bad == ["settings.weak"] and "OPENAI_API_KEY is not used" in findings.of("settings.weak")["message"]
