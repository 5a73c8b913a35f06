"""Draws the pictures of the documents from the code's own tables: `python -m tools.pictures`.

docs/flow*.svg shows the way of a call, docs/platforms*.svg which ways in pass an answer on piece by piece, and their
limits. Both are readable on light and dark pages, and by screen readers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

from proxy.platforms.limits import LIMITS, Limit
from proxy.platforms.platform import Door, Platform
from proxy.platforms.registry import PLATFORMS

DOCS = Path(__file__).resolve().parent.parent / "docs"
LANGUAGES = ("en", "zh-CN")
_WIDTH, _MARGIN, _STEP = 900, 24, 28
_STYLE = """
  .page { fill: #ffffff } .box { fill: #f6f8fa; stroke: #d1d9e0 } .ours { fill: #ddf4ff; stroke: #0969da }
  .text { fill: #1f2328 } .note { fill: #59636e } .flow { fill: #0969da } .held { fill: #9a6700 }
  .line { stroke: #0969da; stroke-width: 2; fill: none } .pipe { fill: #eff2f5 }
  text { font: 14px system-ui, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif }
  .title { font-weight: 600 } .note { font-size: 12.5px } .middle { text-anchor: middle }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .box { fill: #151b23; stroke: #3d444d } .ours { fill: #121d2f; stroke: #4493f8 }
    .text { fill: #f0f6fc } .note { fill: #9198a1 } .flow { fill: #4493f8 } .held { fill: #d29922 }
    .line { stroke: #4493f8 } .pipe { fill: #212830 }
  }
"""
# A box has a title and four lines.
_FLOW = {
    "en": {
        "title": "The way of a call through Sluice",
        "from": """Your apps
            Chat apps
            SDKs and scripts
            Claude Code, Codex,
            opencode, Gemini CLI""",
        "here": """Sluice, on your cloud function
            Who may call, what, for how much
            Which provider, which key
            Translation where APIs differ
            One log line: tokens, cost, time""",
        "to": """Your provider
            OpenAI, Anthropic, Gemini
            DeepSeek, Moonshot, Qwen
            OpenRouter, Groq, Azure
            any OpenAI-compatible API""",
        "up": "your address and a key",
        "down": "the answer, piece by piece",
        "deep": "the provider's key",
    },
    "zh-CN": {
        "title": "一次调用经过 Sluice 的过程",
        "from": """你的应用
            聊天应用
            SDK 和脚本
            Claude Code、Codex、
            opencode、Gemini CLI""",
        "here": """Sluice，运行在你的云函数上
            谁可以调用、用什么、花多少
            选择厂商和密钥
            在不同 API 之间转换
            一行日志：token、费用、耗时""",
        "to": """你的厂商
            OpenAI、Anthropic、Gemini
            DeepSeek、Kimi、通义千问
            OpenRouter、Groq、Azure
            任何兼容 OpenAI 的 API""",
        "up": "接口地址和密钥",
        "down": "回答，逐段返回",
        "deep": "厂商密钥",
    },
}
_WORDS = {
    "en": {
        "title": "What each platform passes on piece by piece, and what it holds back",
        "streams": "streams",
        "held": "in one piece",
        "request": "request {}",
        "answer": "answer {}",
        "time": "at most {}",
        "default": "{} by default",
        "sep": " · ",
    },
    "zh-CN": {
        "title": "各平台逐段转发还是整段返回",
        "streams": "流式",
        "held": "整段返回",
        "request": "请求 {}",
        "answer": "回答 {}",
        "time": "最长 {}",
        "default": "默认 {}",
        "sep": " · ",
    },
}


def flow(language: str) -> str:
    """The picture of a call's way."""
    words = _FLOW[language]
    boxes = ((words["from"], 24, 200, "box"), (words["here"], 304, 276, "ours"), (words["to"], 660, 216, "box"))
    parts, told = [], []
    for text, left, width, kind in boxes:
        title, *lines = (line.strip() for line in text.splitlines())
        parts.append(f'<rect class="{kind}" x="{left}" y="40" width="{width}" height="150" rx="10"/>')
        parts.append(_text(left + width / 2, 66, title, "text title middle"))
        parts += [_text(left + width / 2, 96 + 24 * at, line, "text middle") for at, line in enumerate(lines)]
        told.append(f"{title}: {', '.join(line.strip('、,') for line in lines)}.")
    for left, right, labels in ((224, 304, (words["up"], words["down"])), (580, 660, (words["deep"], ""))):
        parts.append(f'<path class="line" d="M{left + 6} 90H{right - 8}m-7 -5l7 5l-7 5"/>')
        parts += [
            f'<rect class="flow" x="{x}" y="137" width="8" height="8" rx="2"/>' for x in range(left + 22, right - 8, 14)
        ]
        parts.append(f'<path class="line" d="M{left + 14} 136l-7 5l7 5"/>')
        parts += [
            _text((left + right) / 2, y, label, "note middle")
            for y, label in zip((24, 212), labels, strict=True)
            if label
        ]
    return _document(words["title"], " ".join(told), 226, parts)


def platforms(language: str) -> str:
    """The picture of every way in: whether it streams, and its limits."""
    words = _WORDS[language]
    top, parts, told = _MARGIN, [], []
    for platform in PLATFORMS:
        doors = [door for door in platform.doors if _limit(platform, door, "request body")]
        title = platform.title if language == "en" else platform.title_zh
        parts.append(_text(_MARGIN, top + 14, title, "text title"))
        top += 26
        for door in doors:
            name = door.name if language == "en" else door.name_zh
            facts = words["sep"].join(_facts(platform, door, language))
            kind = words["streams" if door.streams else "held"]
            parts += [
                _text(_MARGIN + 8, top + 14, name.removesuffix(" stream"), "text"),
                *_pipe(220, top, door.streams),
            ]
            parts.append(_text(384, top + 14, f"{kind}{words['sep']}{facts}" if facts else kind, "note"))
            told.append(f"{title}, {name}: {kind}, {facts}.")
            top += _STEP
        top += 10
    return _document(words["title"], " ".join(told), top + 6, parts)


def place(name: str, language: str) -> Path:
    """The file of a picture in one language."""
    return DOCS / (f"{name}.svg" if language == "en" else f"{name}.{language}.svg")


def main() -> int:
    """Write the pictures. Returns the exit code."""
    for name, draw in (("flow", flow), ("platforms", platforms)):
        for language in LANGUAGES:
            path = place(name, language)
            path.write_text(draw(language), encoding="utf-8", newline="\n")
            print(path.relative_to(DOCS.parent).as_posix())
    return 0


def _pipe(left: int, top: int, streams: bool) -> list[str]:
    """Pieces that flow one by one, or one block that waits at the end."""
    drawn = [f'<rect class="pipe" x="{left}" y="{top + 2}" width="140" height="14" rx="7"/>']
    if streams:
        return drawn + [
            f'<rect class="flow" x="{left + 8 + 16 * at}" y="{top + 5}" width="10" height="8" rx="2"/>'
            for at in range(8)
        ]
    return [*drawn, f'<rect class="held" x="{left + 76}" y="{top + 5}" width="58" height="8" rx="2"/>']


def _facts(platform: Platform, door: Door, language: str) -> Iterator[str]:
    words = _WORDS[language]
    if size := _limit(platform, door, "request body"):
        yield words["request"].format(_size(size.number))
    if size := _limit(platform, door, "response body", "streamed response"):
        yield words["answer"].format(_size(size.number))
    longest = _limit(platform, door, "longest time-out", "longest time-out, Pro")
    usual = _limit(platform, door, "time-out")
    if longest or usual:
        yield words["time"].format(_time((longest or usual or LIMITS[0]).number, language))
    if longest and usual and not usual.hard:
        yield words["default"].format(_time(usual.number, language))


def _limit(platform: Platform, door: Door, *whats: str) -> Limit | None:
    rows = [row for row in LIMITS if row.platform == platform.name]
    for place in (door.name, "every door"):
        for row in rows:
            if row.door == place and row.what in whats:
                return row
    return None


def _size(number: float) -> str:
    return f"{number / 1_000_000:.3g} MB"


def _time(seconds: float, language: str) -> str:
    units = {"en": (" s", " min", " h"), "zh-CN": (" 秒", " 分钟", " 小时")}[language]
    for unit, factor in ((2, 3600), (1, 60)):
        if seconds >= 2 * factor and seconds % factor == 0:
            return f"{seconds / factor:g}{units[unit]}"
    return f"{seconds:g}{units[0]}"


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _document(title: str, told: str, height: int, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title desc">'
    )
    lines = [
        head,
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(told)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{height}" rx="6"/>',
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
