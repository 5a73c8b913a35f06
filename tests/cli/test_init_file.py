"""The file that `init` writes: a shell, a plain reader and Sluice read the same in it, and nobody else reads it."""

from __future__ import annotations

import json
import os
import stat
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import startup
from proxy.cli.init.choices import Choices, Upstream, settings_for
from proxy.cli.init.options import ACCESS
from proxy.cli.init.settings_file import Unwritable, env_text, ignore, toml_text, write_private
from proxy.cli.providers import table
from proxy.cli.providers.entry import Entry
from proxy.platforms import registry
from proxy.settings.config import Config
from tests.support.init import Outcome, by_shell
from tests.support.paths import ROOT

_MARKS = "!#$%&()*+-./:;<=>?@[]^_`{|}~"
KEYS = st.text([*string.ascii_letters, *string.digits, *_MARKS], min_size=1, max_size=30).filter(
    lambda key: key[0] not in "`$" and key[-1] != "`" and "$(" not in key
)
ANYTHING = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
AMBIGUOUS = {*"'\\\u2028\u2029", *map(chr, (*range(32), *range(0x7F, 0xA0)))}
posix = pytest.mark.skipif(os.name == "nt", reason="no POSIX shell, and no modes")


@posix
@given(st.dictionaries(st.sampled_from(["A", "PROXY_KEY", "X_1"]), ANYTHING))
def test_a_shell_and_a_plain_reader_read_what_was_meant(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    if any(set(value) & AMBIGUOUS for value in values.values()):
        with pytest.raises(Unwritable):
            env_text(values)
        return
    (folder / ".env").write_text(env_text(values), encoding="utf-8", newline="\n")
    assert by_shell(folder / ".env") == values == Outcome(0, "", "", folder).env


def comparable(config: Config) -> tuple[object, ...]:
    return config.providers, config.access_mode, config.proxy_key, config.signing_secret, config.max_cost_usd


@given(st.sampled_from(table.ENTRIES), KEYS, st.sampled_from(ACCESS))
def test_either_file_makes_the_settings_that_were_chosen(entry: Entry, key: str, access: str) -> None:
    upstream = Upstream(entry, "" if access == "own-keys" else key)
    settings = settings_for(Choices((upstream,), registry.PLATFORMS[-1], access, {"MAX_COST_USD": "0.5"}))
    meant = comparable(startup.load(settings))
    lines = [line.split("=", 1) for line in env_text(settings).splitlines() if not line.startswith("#")]
    read = {name: value[1:-1] if value.startswith("'") else value for name, value in lines}
    assert read == settings and comparable(startup.load(read)) == meant
    assert comparable(startup.load({}, toml_text(settings))) == meant


def test_several_providers_become_tables() -> None:
    upstreams = tuple(Upstream(entry, f"key-{number}") for number, entry in enumerate(table.ENTRIES[:4]))
    settings = settings_for(Choices(upstreams, registry.PLATFORMS[-1], "proxy-key"))
    assert [upstream["name"] for upstream in json.loads(settings["UPSTREAMS"])] == [
        "openai",
        "anthropic",
        "gemini",
        "openrouter",
    ]
    text = toml_text(settings)
    assert text.count("[[upstreams]]") == 4 and "openai_api_key" not in text
    assert comparable(startup.load({}, text)) == comparable(startup.load(settings))


def test_values_of_other_programs_are_kept_out() -> None:
    settings = settings_for(Choices((), registry.PLATFORMS[-1], "own-keys"))
    shell = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9000", "OPENAI_API_KEY": "sk-shell", "PROXY_KEY": "p" * 20}
    assert startup.load({**shell, **settings}).access_mode == "own-key"
    assert not any(provider.keys for provider in startup.load({**shell, **settings}).providers)


def test_keys_are_hidden_in_a_traceback() -> None:
    upstream = Upstream(table.ENTRIES[0], "sk-hidden")
    assert "sk-hidden" not in repr(Choices((upstream,), registry.PLATFORMS[0], "proxy-key", {"STORE": "sk-hidden"}))


@posix
def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    before = os.umask(0)
    try:
        write_private(path, "A=1\n", replace=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.read_text() == "A=1\n"


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("mine")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / ".env", "A=1\n", replace=False)
    assert (tmp_path / ".env").read_text() == "mine" and len([*tmp_path.iterdir()]) == 1
    write_private(tmp_path / ".env", "A=1\n", replace=True)
    assert (tmp_path / ".env").read_text() == "A=1\n"


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_private(tmp_path / ".env", "A=1\n", replace=True)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("before", "after", "added"),
    [
        (None, "/.env\n", (".env",)),
        ("build/\n", "build/\n/.env\n", (".env",)),
        ("build/", "build/\n/.env\n", (".env",)),
        ("  /.env\n", "  /.env\n", ()),
        (".env\n", ".env\n", ()),
    ],
)
def test_git_ignores_it(tmp_path: Path, before: str | None, after: str, added: tuple[str, ...]) -> None:
    path = tmp_path / ".gitignore"
    if before is not None:
        path.write_text(before)
    assert ignore(tmp_path, (".env",)) == added
    assert path.read_text() == after


def test_the_project_ignores_both_files() -> None:
    assert {".env", "sluice.toml"} <= set((ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())
