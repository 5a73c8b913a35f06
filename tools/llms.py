"""Writes llms.txt and llms-full.txt, the documents for language models (llmstxt.org): `python -m tools.llms`.

llms.txt lists the pages of docs/README.md, llms-full.txt has their English text one after another. An endpoint serves
both, so they stand in the console's folder.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "proxy" / "endpoints" / "console"
# Pages for those who change Sluice, not for those who use it.
LEFT_OUT = frozenset(
    {"architecture.md", "style.md", "performance.md", "verified.md", "CONTRIBUTING.md", "CHANGELOG.md"}
)
_ROW = re.compile(r"^\| (?P<purpose>[^|]+) \| (?P<pages>[^|]+) \|$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]+\]\(([^)#]+\.md)\)")
_OTHER_LANGUAGE = re.compile(r"^\[中文\]\([^)]*\)\n\n?", re.MULTILINE)
_IMAGE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n+", re.MULTILINE)
_HEAD = """# Sluice

> Your own LLM endpoint on any cloud function. One stateless Python core relays the calls of OpenAI's API, Anthropic's
> Messages and Google's Gemini to the provider that its owner chose, buffered or as a stream. It runs on Tencent SCF,
> Aliyun FC, AWS Lambda, Cloudflare Workers and other platforms, and on any server.

"""


def pages() -> dict[str, str]:
    """What each page is for, by its path in the repository, in the order of docs/README.md."""
    found: dict[str, str] = {}
    for row in _ROW.finditer((ROOT / "docs" / "README.md").read_text(encoding="utf-8")):
        for link in _LINK.findall(row["pages"]):
            path = (ROOT / "docs" / link).resolve().relative_to(ROOT).as_posix()
            if ".zh-CN." not in path and Path(path).name not in LEFT_OUT:
                found.setdefault(path, row["purpose"])
    return found


def index() -> str:
    """The text of llms.txt."""
    lines = [f"- [{Path(path).stem}]({path}): {purpose}" for path, purpose in pages().items()]
    return (
        f"{_HEAD}An endpoint serves the text of all these pages at `/llms-full.txt`, except on Cloudflare "
        "Workers and EdgeOne Pages, and explains each of its errors at `/help`. The paths below are those of the "
        "repository.\n\n"
        "## Documents\n\n" + "\n".join(lines) + "\n"
    )


def full() -> str:
    """The text of llms-full.txt."""
    parts = [f"\n\n<!-- {path} -->\n\n{_text(path)}" for path in pages()]
    return f"{_HEAD}The documents of Sluice, one after another.{''.join(parts)}\n"


def main() -> int:
    """Write both. Returns the exit code."""
    for name, text in (("llms.txt", index()), ("llms-full.txt", full())):
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
        print((FOLDER / name).relative_to(ROOT).as_posix())
    return 0


def _text(path: str) -> str:
    text = (ROOT / path).read_text(encoding="utf-8")
    return _IMAGE.sub("", _OTHER_LANGUAGE.sub("", text)).strip()


if __name__ == "__main__":
    sys.exit(main())
