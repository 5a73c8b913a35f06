"""The Worker's folder as Cloudflare's own deploy tool reads it, and the documents about it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import node
from tests.support.bundles import Bundles
from tests.support.paths import TESTS

pytestmark = pytest.mark.any_python("wrangler runs in Node")
WRANGLER = TESTS / "wrangler"


@pytest.fixture(scope="module")
def folder(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, for wrangler writes into it."""
    return shutil.copytree(bundles("cloudflare") / "cloudflare", tmp_path_factory.mktemp("build") / "cloudflare")


def settings(folder: Path) -> dict[str, Any]:
    """wrangler.jsonc without its comments."""
    text = re.sub(r"^\s*//.*$", "", (folder / "wrangler.jsonc").read_text(), flags=re.MULTILINE)
    found: dict[str, Any] = json.loads(text)
    return found


def test_wrangler_uploads_the_bundle_s_modules_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    """A dry run: it reads and checks all that a deployment would send."""
    environ = node.packages(WRANGLER)
    newer = node.node_at_least((22, 12), WRANGLER)
    tool = WRANGLER / "node_modules" / "wrangler" / "bin" / "wrangler.js"
    done = subprocess.run(
        [newer, str(tool), "deploy", "--dry-run", "--outdir", str(tmp_path)],
        cwd=folder,
        env={**environ, "WRANGLER_SEND_METRICS": "false", "WRANGLER_LOG_PATH": str(tmp_path / "logs"), "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    uploaded = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py")}
    assert uploaded == {path.relative_to(folder / "src").as_posix() for path in (folder / "src").rglob("*.py")}
    assert {"entry.py", "proxy/adapters/workers.py", "proxy/transports/fetch.py"} <= uploaded
    assert not [name for name in uploaded if re.search(r"cli/|tests|httpx|aws_|scf_|asgi|__main__", name)]
    total = re.search(r"Total Upload: ([\d.]+) KiB / gzip: ([\d.]+) KiB", done.stdout)
    assert total and float(total[1]) < 1_050 and float(total[2]) < 300
    assert 'env.ACCESS ("proxy-key")' in done.stdout


def test_the_settings_are_the_ones_that_the_platform_page_recommends(folder: Path) -> None:
    found = settings(folder)
    assert found["compatibility_flags"] == ["python_workers"]
    assert found["compatibility_date"] >= "2026-09-08", "from then on Python is 3.14, and the SDK the runtime's own"
    assert found["placement"] == {"region": "aws:ap-southeast-1"} and found["observability"] == {"enabled": True}
    assert (folder / found["main"]).exists()
    assert not list(folder.rglob("requirements*.txt")), "pywrangler stops at one"
    assert not list(folder.rglob("*.txt")), "they would be uploaded"


def test_no_key_has_a_place_in_the_file(folder: Path) -> None:
    assert set(settings(folder)["vars"]) == {"ACCESS"}


def test_nothing_that_is_off_comes_along(folder: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (folder / "src").rglob("*.py"))
    assert not re.search(r"^\s*(import|from) (httpx|tiktoken|mangum|uvicorn)", text, re.MULTILINE)
