"""Examples name models that will live, and one place says which."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from proxy.cli.arguments import parser
from proxy.settings.example_models import BY_HOST, CHEAP, EXAMPLE, EXAMPLE_PATTERN, PRICED
from proxy.wire.wildcards import matches
from tests.support.paths import ROOT

# Models that OpenAI shuts down (platform.openai.com/docs/deprecations, read 2026-11-26): on 2026-12-11, then on
# 2027-01-14. DeepSeek's ended on 2026-07-24 (api-docs.deepseek.com, read 2026-11-27).
ENDING = re.compile(
    r"(?<![\w.-])(gpt-5(-mini|-nano)?|o3|gpt-4o(-mini)?|gpt-4\.1(-mini|-nano)?|deepseek-(chat|reasoner))(?:-20\d\d-\d\d-\d\d)?(?![\w.-]*\w)"
)
# These tell what was measured with such models or has changed for them; only their commands and code are examples.
ABOUT_THEM = (
    *("docs/tokens.md", "docs/tokens.zh-CN.md", "docs/performance.md", "docs/performance.zh-CN.md", "CHANGELOG.md"),
    *("docs/providers.md", "docs/providers.zh-CN.md"),
)
_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
READERS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "*.toml", "*.yaml", "*.yml", "*.jsonc", "proxy/endpoints/console/*.js*")
    for path in ROOT.glob(pattern)
)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", READERS)
def test_no_example_names_a_model_that_ends(name: str) -> None:
    text = text_of(name)
    examples = _BLOCK.findall(text) if name in ABOUT_THEM else [text]
    assert not [match[0] for example in examples for match in ENDING.finditer(example)]


def test_the_search_finds_them() -> None:
    for name in ("gpt-5", "gpt-5-mini", "o3", "gpt-4o", "gpt-4.1-nano", "gpt-4o-mini-2024-07-18", "deepseek-chat"):
        assert ENDING.search(f'{{"model": "{name}"}}')
    for name in ("gpt-5.4-mini", "gpt-5.4*", "o3x", "gpt-4o-transcribe", "my-gpt-5"):
        assert not ENDING.search(f'{{"model": "{name}"}}'), name


@pytest.mark.parametrize("name", [name for name in READERS if name.endswith(".md")])
def test_the_documents_name_the_example(name: str) -> None:
    named = set(re.findall(r'"model": ?"([^"{}]+)"', text_of(name)))
    assert named <= {EXAMPLE, "demo", "YOUR-MODEL", "…"}, named


def test_the_documents_patterns_are_those_of_the_example() -> None:
    assert matches(EXAMPLE, (EXAMPLE_PATTERN,))
    assert f"--models '{EXAMPLE_PATTERN},deepseek-*'" in text_of("docs/keys.md")
    assert f'"fast" = "{EXAMPLE}"' in text_of("sluice.example.toml")


def test_the_examples_of_openai_have_a_price() -> None:
    listed = json.loads((ROOT / "proxy" / "data" / "prices.json").read_text(encoding="utf-8"))["models"]
    known = {name for row in listed if row["provider"] == "openai" for name in row["match"]}
    ours = {EXAMPLE, *(name for name in (*CHEAP, *PRICED) if name.startswith("gpt-"))}
    assert ours <= known and not any(ENDING.fullmatch(name) for name in (*ours, *(model for _, model in BY_HOST)))


def test_the_commands_default_to_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert parser().parse_args(["tokens", "x"]).model == EXAMPLE
    with pytest.raises(SystemExit):
        parser().parse_args(["keys", "mint", "--help"])
    assert EXAMPLE_PATTERN in capsys.readouterr().out


def test_no_other_module_names_an_example() -> None:
    """The tables of counts and prices name models as well, but they suggest none."""
    for folder in ("endpoints", "cli", "settings"):
        for path in Path(ROOT / "proxy" / folder).rglob("*.py"):
            if path.name != "example_models.py":
                assert EXAMPLE not in path.read_text(encoding="utf-8").replace(EXAMPLE_PATTERN, ""), path
