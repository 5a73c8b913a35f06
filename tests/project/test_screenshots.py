"""The console's pictures in the documents show the page as it is now."""

from __future__ import annotations

import json
import struct
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.conftest import Serve
from tests.support import parts
from tools import screenshots
from tools.screenshots import DOCS, MAX_BYTES, RECORD, SHOTS, Shot

pytestmark = pytest.mark.any_python("Chromium shows the page")
TAKE = "run `make screenshots`"
EACH = pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)


def recorded(shot: Shot) -> dict[str, str]:
    record: dict[str, dict[str, str]] = json.loads(RECORD.read_text(encoding="utf-8"))
    assert list(record) == [each.name for each in SHOTS], TAKE
    return record[shot.name]


def size(path: Path) -> tuple[int, int]:
    """The width and the height of a PNG."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG") and data[12:16] == b"IHDR" and len(data) <= MAX_BYTES
    width, height = struct.unpack(">II", data[16:24])
    return width, height


@EACH
def test_what_a_picture_shows_is_what_the_page_shows(browser: Browser, serve: Serve, shot: Shot) -> None:
    """Elements, texts and styles, not pixels: those differ with each Chromium and its fonts."""
    shown = screenshots.take(browser, serve(DEMO="1").url, shot)
    assert shown == recorded(shot)["shown"], f"docs/{shot.name} is stale: {TAKE}"


@EACH
def test_a_picture_is_the_one_that_was_recorded(shot: Shot) -> None:
    assert sha256((DOCS / shot.name).read_bytes()).hexdigest() == recorded(shot)["file"], TAKE


def test_each_picture_is_in_the_record_and_in_a_document() -> None:
    assert {path.name for path in DOCS.glob("console-*.png")} == {shot.name for shot in SHOTS}
    texts = [(DOCS / name).read_text(encoding="utf-8") for name in ("clients.md", "clients.zh-CN.md")]
    for shot in SHOTS:
        assert any(f"({shot.name})" in text for text in texts), shot.name


def test_the_pictures_can_be_taken_again(browser: Browser, serve: Serve, tmp_path: Path) -> None:
    parts.need_chinese_font()
    shot = SHOTS[-1]
    screenshots.take(browser, serve(DEMO="1").url, shot, tmp_path / shot.name)
    assert size(tmp_path / shot.name) == size(DOCS / shot.name)


def test_a_change_of_text_style_or_size_is_noticed(browser: Browser, serve: Serve) -> None:
    shot, url = SHOTS[0], serve(DEMO="1").url
    found = {
        screenshots.take(browser, url, changed)
        for changed in (shot, shot._replace(prompt="Hi"), shot._replace(locale="zh-CN"), shot._replace(phone=True))
    }
    assert len(found) == 4


@pytest.mark.parametrize("missing", ["chromium", "a Chinese font"])
def test_without_its_parts_the_script_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    monkeypatch.setattr(
        "shutil.which", lambda name: None if missing == "chromium" or name == "fc-list" else sys.executable
    )
    assert screenshots.main() == 1
    assert f"The pictures were not taken: install {missing}" in capsys.readouterr().err
