"""The tables of docs/performance.zh-CN.md are those of docs/performance.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import performance_zh

pytestmark = pytest.mark.any_python("only files are read")


def test_the_chinese_page_has_the_tables_of_the_english_one() -> None:
    english, chinese = (page.read_text(encoding="utf-8") for page in (performance_zh.ENGLISH, performance_zh.CHINESE))
    assert not performance_zh.unknown(english)
    made = performance_zh.rendered(chinese, english)
    assert chinese == made, "a table has changed: run `python -m tools.performance_zh`"


def test_no_text_is_left_over() -> None:
    english = performance_zh.ENGLISH.read_text(encoding="utf-8")
    assert not [text for text in performance_zh.TEXTS if text not in english]


def test_a_cell_is_translated_part_by_part() -> None:
    english = "| direct | requests/s, 64 clients |\n|---|---|\n| 3,470 (0.038 of nginx) | `A, b`, 5 MB of English |\n"
    chinese = "| 直连 | 每秒请求数，64 个客户端 |\n|---|---|\n| 3,470（nginx 的 0.038） | `A, b`，5 MB 英文 |\n"
    assert performance_zh.rendered("| x |\n", english) == chinese


def test_what_cannot_be_translated_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("ENGLISH", "| a new figure |\n"), ("CHINESE", "| x |\n")):
        monkeypatch.setattr(performance_zh, name, tmp_path / name)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert performance_zh.main() == 1
    assert capsys.readouterr().err.endswith("in tools/performance_zh.py:\na new figure\n")
    (tmp_path / "ENGLISH").write_text("| direct |\n\n| direct |\n", encoding="utf-8")
    assert performance_zh.main() == 1
    assert "has not as many tables as" in capsys.readouterr().err
    (tmp_path / "ENGLISH").write_text("| direct |\n", encoding="utf-8")
    assert performance_zh.main() == 0
    assert (tmp_path / "CHINESE").read_text(encoding="utf-8") == "| 直连 |\n"
