"""Writes the errors and the doctor's findings into docs/troubleshooting*.md: `python -m tools.troubleshooting`.

In each document they stand between `<!-- errors -->` or `<!-- doctor -->` and `<!-- end -->`. The texts are those of
the page `/help` and of the doctor. Every code is an anchor: an error's is the code itself, a finding's is
`doctor-dns-failed` for `dns.failed`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from proxy.cli.doctor import messages_en, messages_zh
from proxy.endpoints.console import help as help_page
from tools import marked

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = {"en": ROOT / "docs" / "troubleshooting.md", "zh": ROOT / "docs" / "troubleshooting.zh-CN.md"}
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_PAGE = re.compile(r"\bdocs/([\w.-]+\.md)")
_WORDS = {
    "en": {"fix": "**Fix:** ", "status": "HTTP {}. "},
    "zh": {"fix": "**解决办法：** ", "status": "HTTP {}。"},
}
_HEADS = {"en": ("code", "what it means", "what to do"), "zh": ("代码", "含义", "怎么办")}


def filled(text: str, language: str) -> str:
    """A document with the errors and findings as they are now."""
    return marked.fill(text, lambda name: {"errors": _errors, "doctor": _findings}[name](language))


def main() -> int:
    """Write the documents. Returns the exit code."""
    for language, path in DOCUMENTS.items():
        path.write_text(filled(path.read_text(encoding="utf-8"), language), encoding="utf-8", newline="\n")
        print(path.relative_to(ROOT).as_posix())
    return 0


def _errors(language: str) -> str:
    words = _WORDS[language]
    lines = []
    for group in help_page.groups():
        lines.append(f"\n### {group[language]}\n")
        for error in group["errors"]:
            reason, fix = (_PAGE.sub(r"[\1](\1)", text) for text in error[language])
            status = words["status"].format(error["status"])
            lines.append(f"\n#### {error['code']}\n\n{status}{reason}\n{words['fix']}{fix}\n")
    return "".join(lines) + "\n"


def _findings(language: str) -> str:
    return f"\n{marked.table(_HEADS[language], _problems(language))}\n"


def _problems(language: str) -> Iterator[tuple[str, str, str]]:
    """The doctor's findings that are not fine: their code with its anchor, the text, the advice."""
    for code, (state, *english) in messages_en.TEXTS.items():
        if state not in (messages_en.WARNING, messages_en.FAILED):
            continue
        message, advice = english if language == "en" else messages_zh.TEXTS[code]
        anchor = f'<a id="doctor-{code.replace(".", "-").replace("_", "-")}"></a>`{code}`'
        yield anchor, _plain(message), _plain(advice)


def _plain(text: str) -> str:
    """A text of the doctor's with `…` for its placeholders, and nothing that Markdown would take for markup."""
    return _PLACEHOLDER.sub("…", text).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
