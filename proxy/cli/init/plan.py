"""What is deployed, and the parts of commands that hand its settings on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.cli.init.session import Session
from proxy.platforms.platform import Platform

_PAGES = {"server": "docs/deploy-container.md"}
_VARIABLE = re.compile(r"^ +([A-Z][A-Z_]+): ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is deployed. `file` is the name of the file with the settings, in the session's folder."""

    session: Session
    platform: Platform
    access: str
    settings: Mapping[str, str]
    file: str

    @property
    def is_toml(self) -> bool:
        return self.session.options.toml

    @property
    def names(self) -> tuple[str, ...]:
        """The settings that are set."""
        return tuple(name for name, value in self.settings.items() if value)

    @property
    def is_checkout(self) -> bool:
        """Whether the folder has the files that deploy: those of the package alone do not."""
        return (self.session.folder / "handler.py").exists()

    @property
    def page(self) -> str:
        """The page about the platform, in the reader's language if it has one."""
        page = _PAGES.get(self.platform.name, f"docs/deploy-{self.platform.name}.md")
        chinese = page.replace(".md", ".zh-CN.md")
        return chinese if self.session.language == "zh" and (self.session.folder / chinese).exists() else page

    def text(self, name: str, **values: object) -> str:
        """One of the texts in the reader's language."""
        return self.session.texts[name].format(**values)


def load(plan: Plan) -> list[str]:
    """Make the settings variables of the shell, or take those away that would win over sluice.toml.

    The manifests want three variables, empty or not.
    """
    if not plan.is_toml:
        return [f"  set -a; . ./{plan.file}; set +a"]
    if plan.platform.name != "server":
        return ["  export ACCESS= OPENAI_API_KEY= PROXY_KEY="]
    environ = plan.session.environ
    others = [name for name, value in plan.settings.items() if environ.get(name, "") not in ("", value)]
    return [f"  unset {' '.join(others)}"] if others else []


def piped(name: str, folder: str = "./") -> str:
    """A command that prints one setting, without a line end. `printf` is the shell's own, so no process shows it."""
    return f'(. {folder}.env; printf %s "${name}")'


def additions(plan: Plan, manifest: str, line: str, known: set[str] | None = None) -> list[str]:
    """The lines that a manifest lacks, so that it hands all settings on."""
    if plan.is_toml:
        return []
    passed = set(_VARIABLE.findall((plan.session.folder / manifest).read_text(encoding="utf-8"))) | (known or set())
    missing = {name: plan.settings[name] for name in plan.names if name not in passed}
    lines = [line.format(name=name, value=value) for name, value in missing.items()]
    return [plan.text("add.lines", file=manifest), *lines] if lines else []


def with_settings(plan: Plan, command: str) -> str:
    return f"  {config_file(plan)}{command}" if plan.is_toml else f"  (set -a; . ./{plan.file}; set +a; {command})"


def config_file(plan: Plan) -> str:
    """Names the file where Sluice would not look for it by itself: outside of a checkout."""
    return "" if plan.is_checkout or not plan.is_toml else f"CONFIG_FILE={plan.file} "
