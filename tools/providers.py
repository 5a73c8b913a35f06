"""Writes docs/providers.md and its Chinese version from the table of providers: `python -m tools.providers`.

What is generated stands between `<!-- overview -->`, or `<!-- name of a group -->`, and `<!-- end -->`. The rest is
written by hand.
"""

from __future__ import annotations

import shlex
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

from proxy.cli.providers import table
from proxy.cli.providers.entry import Entry, example_model, places, provider_of, settings_of
from proxy.settings.apis import AUTHORIZATION, Api
from proxy.settings.known_providers import is_official
from proxy.settings.providers import translated_api
from proxy.wire.path_table import GEMINI, MESSAGES, OPENAI, RESPONSES
from tools import marked

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = {"en": ROOT / "docs" / "providers.md", "zh": ROOT / "docs" / "providers.zh-CN.md"}
WIDTH = 120


class Words(NamedTuple):
    """What one language's page needs."""

    overview: tuple[str, ...]
    apis: tuple[str, ...]
    api_names: dict[str, str]
    translated: str
    yes: str
    not_served: str
    no_prefix: str
    no_key: str
    own_model: str
    key: str
    page: str  # where no key is needed
    source: str


WORDS = {
    "en": Words(
        overview=("provider", "`init --provider`", "key begins with", "example model", "Responses", "Messages"),
        apis=("API", "base URL", "key in"),
        api_names={
            OPENAI: "chat completions and the rest of OpenAI's API",
            RESPONSES: "Responses",
            MESSAGES: "Messages",
            GEMINI: "Gemini",
        },
        translated="translated",
        yes="yes",
        not_served="–",
        no_prefix="–",
        no_key="no key needed",
        own_model="your own",
        key="Get a key at <{page}>. {note}",
        page="Documents: <{page}>. {note}",
        source="Source: {source}, read {read}.",
    ),
    "zh": Words(
        overview=("厂商", "`init --provider`", "密钥开头", "示例模型", "Responses", "Messages"),
        apis=("接口", "地址", "密钥放在"),
        api_names={
            OPENAI: "对话补全和 OpenAI 的其他接口",
            RESPONSES: "Responses",
            MESSAGES: "Messages",
            GEMINI: "Gemini",
        },
        translated="转换",
        yes="支持",
        not_served="–",
        no_prefix="–",
        no_key="不需要密钥",
        own_model="自定",
        key="密钥在 <{page}> 获取。{note}",
        page="文档：<{page}>。{note}",
        source="出处：{source}，查阅于 {read}。",
    ),
}


def filled(text: str, language: str) -> str:
    """A document with what the table says now. Raises KeyError for an unknown mark."""

    def block(name: str) -> str:
        if name == "overview":
            return _overview(language)
        return "".join(_section(entry, language) for entry in table.GROUPS[name])

    return marked.fill(text, block)


def line_of(entry: Entry) -> str:
    """The line that makes a provider the only one, for a shell."""
    settings = settings_of(entry, entry.sample_key)
    return "export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())


def main() -> int:
    """Write the documents. Returns the exit code."""
    for language, path in DOCUMENTS.items():
        path.write_text(filled(path.read_text(encoding="utf-8"), language), encoding="utf-8", newline="\n")
        print(path.relative_to(ROOT).as_posix())
    return 0


def _overview(language: str) -> str:
    words = WORDS[language]
    rows = []
    for entry in table.ENTRIES:
        prefix = words.no_prefix if entry.needs_key else words.no_key
        model = example_model(entry)
        rows.append(
            (
                _title(entry, language),
                f"`{entry.name}`",
                f"`{entry.key_prefix}`" if entry.key_prefix else prefix,
                f"`{model}`" if model else words.own_model,
                _served(entry, RESPONSES, words),
                _served(entry, MESSAGES, words),
            )
        )
    return marked.table(words.overview, rows)


def _section(entry: Entry, language: str) -> str:
    words = WORDS[language]
    served = {api: place for api, place in places(entry).items() if place is not None and _is_documented(api, place)}
    rows = [(words.api_names[api], f"`{place.base_url}`", _header(place)) for api, place in served.items()]
    note = entry.note_zh if language == "zh" else entry.note
    source = ", ".join(f"`{page}`" for page in entry.source.split(", "))
    key = (words.key if entry.needs_key else words.page).format(page=entry.key_page, note=note)
    paragraph = (key, words.source.format(source=source, read=entry.read))
    text = "".join(paragraph) if language == "zh" else "\n".join(map(_wrapped, paragraph))
    return (
        f"\n### {_title(entry, language)}\n\n{marked.table(words.apis, rows)}\n{text}\n\n```sh\n{line_of(entry)}\n```\n"
    )


def _is_documented(api: str, place: Api) -> bool:
    """Whether a page should name this address. That an unknown server may serve Gemini is only assumed."""
    return api != GEMINI or is_official(place.base_url, api)


def _served(entry: Entry, api: str, words: Words) -> str:
    provider = provider_of(entry)
    if provider.api(api) is not None:
        return words.yes
    return words.translated if translated_api(provider, api) else words.not_served


def _header(place: Api) -> str:
    return "`Authorization: Bearer`" if place.key_header == AUTHORIZATION else f"`{place.key_header}`"


def _title(entry: Entry, language: str) -> str:
    return entry.title_zh if language == "zh" else entry.title


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(main())
