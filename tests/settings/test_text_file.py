"""Files that settings name: every error names the file, the reason and the remedy."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy import startup
from proxy.errors import ConfigError
from proxy.settings import config

CONTENTS = {
    "CONFIG_FILE": "# 注释\nlog_level = 'error'\n",
    "MODERATION_WORDS_FILE": "# 注释\n禁词\n",
    "PRICES_FILE": '{"models": [{"match": ["模型"], "input": 1}]}\n',
}
MORE = {"MODERATION_WORDS_FILE": {"MODERATION": "words"}}


def load(name: str, path: Path | str) -> config.Config:
    return startup.load_with_file({name: str(path), **MORE.get(name, {})})


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_does_no_harm(name: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_text(CONTENTS[name], encoding=encoding)
    assert load(name, file).log_level == ("error" if name == "CONFIG_FILE" else "info")


def in_gbk(file: Path, text: str) -> None:
    file.write_bytes(b"\n" + text.encode("gbk"))


def in_utf16(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-16")


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize(
    ("write", "says"),
    [
        (in_gbk, r"line 2 is not UTF-8 \(perhaps GBK\); save the file as UTF-8"),
        (in_utf16, "it is UTF-16; save the file as UTF-8"),
        (lambda file, _: file.mkdir(), "it is a directory.*; name the file itself"),
        (lambda file, _: None, "no such file; correct the path"),
        (lambda file, _: file.symlink_to(file), "; correct the path"),
    ],
)
def test_an_unreadable_file_is_reported_with_reason_and_remedy(
    name: str, write: Callable[[Path, str], None], says: str, tmp_path: Path
) -> None:
    file = tmp_path / "a file"
    write(file, CONTENTS[name])
    with pytest.raises(ConfigError, match=rf"^{name} names {file}, which cannot be read: .*{says}[^.]*\.$"):
        load(name, file)


@pytest.mark.parametrize("name", CONTENTS)
def test_invalid_paths(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="part of its path is not one"):
        load(name, tmp_path / "file" / "below")
    with pytest.raises(ConfigError, match=rf"{name} names .*correct the path"):
        load(name, "a\0b")


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_file_without_read_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sluice.toml"
    file.write_text(CONTENTS["CONFIG_FILE"])
    if os.getuid() == 0:

        def refused(_: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refused)  # root may read everything
    else:
        file.chmod(0)
    with pytest.raises(ConfigError, match=r"permission denied; .*readable for the user that runs Sluice"):
        load("CONFIG_FILE", file)


def test_errors_name_the_default_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "__file__", str(tmp_path / "proxy" / "settings" / "config.py"))
    assert startup.load_with_file({}).config_file is None
    file = tmp_path / "sluice.toml"
    file.write_bytes(CONTENTS["CONFIG_FILE"].encode("gbk"))
    with pytest.raises(ConfigError, match=rf"^{file} cannot be read: line 1 is not UTF-8"):
        startup.load_with_file({})


def test_errors_name_the_file_that_config_file_names(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("x = [")
    with pytest.raises(ConfigError, match=r"^mine.toml is not valid TOML: "):
        load("CONFIG_FILE", file)


def test_errors_about_upstreams_name_that_file_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('timeout_seconds = 60\n[[upstreams]]\nname = "a"\nbase_url = "a"\n')
    with pytest.raises(ConfigError, match=r"^mine.toml, line 4: upstreams\[0\]\.base_url must be an address"):
        load("CONFIG_FILE", file)
