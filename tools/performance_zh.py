"""Writes the tables of docs/performance.zh-CN.md from those of docs/performance.md: `python -m tools.performance_zh`.

The n-th table of one page is the n-th of the other. Run it after the English tables have changed; it names each text
that TEXTS and PATTERNS cannot translate. The rest of the page is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
ENGLISH, CHINESE = DOCS / "performance.md", DOCS / "performance.zh-CN.md"
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_RULE = re.compile(r"\|[-|]+")
# Figures, signs, units that are the same in Chinese, and code.
_PLAIN = re.compile(r"[\d.,+≥≤–() ]*(?: ?MB)?[\d.,() ]*|`[^`]*`")
# Names, which are the same too.
_NAMES = {
    *("CPU", "p50", "p99", "nginx", "nginx 1.22", "Sluice", "Portkey 1.15.2", "LiteLLM 1.108.7"),
    *("chat completions", "completions", "embeddings", "Messages", "Responses", "METERING=on", "SQLite"),
    *("scf-web", "scf-event", "aliyun", "azure", "cloudflare"),
}
# A cell, or a part of one, which ends at a comma and a space.
TEXTS = {
    "ms": "毫秒",
    "µs": "微秒",
    "s": "秒",
    "direct": "直连",
    "bare relay": "最简转发",
    "no relay": "不经转发",
    "relay": "转发项目",
    "aim": "目标",
    "before": "之前",
    "now": "现在",
    "of bare": "最简转发的倍数",
    "of nginx": "nginx 的倍数",
    "ratio to the bare relay": "最简转发的倍数",
    "back to back": "连续",
    "after a pause": "停顿之后",
    "one client": "单个客户端",
    "the call's own included": "含调用本身",
    "buffered answer": "非流式回答",
    "buffered call": "非流式调用",
    "requests/s": "每秒请求数",
    "first chunk": "第一个片段",
    "first chunk of a stream": "流的第一个片段",
    "delay of a chunk": "片段的延迟",
    "relayed chunk": "转发的片段",
    "streams that one core carries": "单核能承载的流",
    "relay's CPU per request": "每个请求的转发 CPU",
    "relay's CPU per chunk": "每个片段的转发 CPU",
    "relay's CPU per paced chunk": "按节奏到达时每个片段的转发 CPU",
    "relay's CPU per chunk in one long burst": "一次长突发里每个片段的转发 CPU",
    "CPU per paced chunk": "按节奏到达时每个片段的 CPU",
    "CPU per chunk in one long burst": "一次长突发里每个片段的 CPU",
    "CPU per buffered call": "每次非流式调用的 CPU",
    "CPU per chunk": "每个片段的 CPU",
    "CPU a request": "每个请求的 CPU",
    "added p50": "增加的 p50",
    "added p50 of a buffered call": "非流式调用增加的 p50",
    "added time to the first chunk": "到第一个片段增加的时间",
    "resident memory after the load": "负载之后的常驻内存",
    "memory": "内存",
    "cold start": "冷启动",
    "wall": "实际时间",
    "of the stdlib's": "标准库的倍数",
    "of the bare standard-library handler": "仅用标准库的处理函数的倍数",
    "CPU beyond the interpreter's": "解释器之外的 CPU",
    "bare interpreter": "仅解释器",
    "standard library": "标准库",
    "chunks of a chat stream": "对话流的片段",
    "in a burst": "突发",
    "of one passed through": "原样转发的倍数",
    "passed through": "原样转发",
    "translated": "转换",
    "o200k_base (gpt-4o and later)": "o200k_base（gpt-4o 及以后）",
    "cl100k_base (gpt-4, gpt-3.5)": "cl100k_base（gpt-4、gpt-3.5）",
    "first count: import, vocabulary, count": "第一次计数：导入、词表、计数",
    "memory it stays with": "此后多占的内存",
    "each short request after that": "之后每个简短的请求",
    "bundle": "部署包",
    "zip (unpacked)": "zip（解压后）",
    "with vocabularies": "含词表",
    "aws (arm64 and x86_64)": "aws（arm64 和 x86_64）",
    "the same": "相同",
    "store": "存储",
    "no store": "无存储",
    "Redis on this machine": "本机的 Redis",
    "while one of these runs": "运行以下请求之一时",
    "longest stall of other callers": "其他调用方的最长停顿",
    "of all runs": "各次运行",
    "it takes": "请求耗时",
    "nobody else": "没有别的请求",
    "chat": "对话",
    "pass-through": "透传",
    "held key": "服务器的密钥",
    "another name for its model": "模型使用别名",
    "a schema that doubles 40 times": "翻倍 40 次的 schema",
    "the first count of a process": "进程的第一次计数",
}
# The same for texts with figures, as a pattern of the whole part and what takes its place.
PATTERNS = {
    r"(\d+) clients?": r"\1 个客户端",
    r"(\d+) streams": r"\1 个流",
    r"(\d+) streams in step": r"\1 个流同时写入",
    r"one every (\d+) ms": r"每 \1 毫秒一个",
    r"(\d+) streams of (\d+) chunks": r"\1 个流，各 \2 个片段",
    r"relay's CPU per chunk in bursts of (\d+)": r"\1 个片段的突发里每个片段的转发 CPU",
    r"CPU per chunk in bursts of (\d+)": r"\1 个片段的突发里每个片段的 CPU",
    r"relay's CPU per stream of (\d+) chunks": r"\1 个片段的流的转发 CPU",
    r"CPU per stream of (\d+) chunks": r"\1 个片段的流的 CPU",
    r"CPU per call of (\d+) clients": r"\1 个客户端时每次调用的 CPU",
    r"requests/s at (\d+) clients": r"\1 个客户端时的每秒请求数",
    r"([\d,]+) \(([\d.]+) of nginx\)": r"\1（nginx 的 \2）",
    r"(\d+) to (\d+)": r"\1 至 \2",
    r"(\d+) ms": r"\1 毫秒",
    r"(\d+) µs": r"\1 微秒",
    r"([\d,]+) tokens \((\w+)\)": r"\1 个 token（\2）",
    r"([\d,]+) \((\w+)\)": r"\1 个（\2）",
    r"one image of (\d+ MB)": r"一张 \1 的图片",
    r"(\d+ MB) of text": r"\1 文字",
    r"(\d+ MB) of English": r"\1 英文",
    r"(\d+ MB) of Chinese": r"\1 中文",
    r"([\d,]+) messages": r"\1 条消息",
    r"([\d,]+) numbers": r"\1 个数字",
    r"([\d,]+) texts of ([\d,]+) letters": r"\1 段文字，各 \2 个字母",
    r"([\d,]+) tools of ([\d.]+ kB)": r"\1 个 \2 的工具",
    r"a model's name of (\d+ MB)": r"\1 的模型名",
    r"a stream of (\d+ MB) that tells no usage": r"\1 的流，不报告用量",
    r"an answer of (\d+ MB) of (`.*`)": r"\1 的回答，全是 \2",
    r"an answer's header with (\d+ KB) of blanks": r"含 \1 空白的响应头",
    r"a list of models of (\d+ MB)": r"\1 的模型列表",
    r"a form of (\d+ MB)": r"\1 的表单",
}


def part(text: str) -> str | None:
    """A part of a cell in Chinese; None for one that is not known."""
    if text in _NAMES or _PLAIN.fullmatch(text):
        return text
    for pattern, chinese in PATTERNS.items():
        if re.fullmatch(pattern, text):
            return re.sub(pattern, chinese, text)
    return TEXTS.get(text)


def unknown(document: str) -> list[str]:
    """The texts of a page's tables that have no Chinese."""
    parts = {text for table in _TABLE.findall(document) for text in _parts(table)}
    return sorted(text for text in parts if part(text) is None)


def rendered(chinese: str, english: str) -> str:
    """The Chinese page with the tables of the English one.

    Raises ValueError where it has another number of them, or where a text has no Chinese.
    """
    if missing := unknown(english):
        message = "\n".join(["Add these to TEXTS or PATTERNS in tools/performance_zh.py:", *missing])
        raise ValueError(message)
    tables = [_translated(table) for table in _TABLE.findall(english)]
    if len(tables) != len(_TABLE.findall(chinese)):
        message = f"{CHINESE.name} has not as many tables as {ENGLISH.name}: add or remove one there."
        raise ValueError(message)
    replaced = iter(tables)
    return _TABLE.sub(lambda _: next(replaced), chinese)


def main() -> int:
    """Write the page; 1 with the reason on stderr where that is not possible."""
    english = ENGLISH.read_text(encoding="utf-8")
    try:
        CHINESE.write_text(rendered(CHINESE.read_text(encoding="utf-8"), english), encoding="utf-8")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _parts(table: str) -> Iterator[str]:
    for line in table.splitlines():
        if not _RULE.fullmatch(line):
            yield from (text for cell in _cells(line) for text in _split(cell))


def _split(cell: str) -> list[str]:
    """The parts of a cell. A comma within code, or in a cell that has a text of its own, does not end one."""
    return (
        [cell] if cell in TEXTS else [text.strip() for text in re.findall(r"(?:`[^`]*`|[^`,]|,(?! ))+", cell)] or [""]
    )


def _translated(table: str) -> str:
    return "".join(f"{_line(line)}\n" for line in table.splitlines())


def _line(line: str) -> str:
    if _RULE.fullmatch(line):
        return line
    return "| " + " | ".join("，".join(part(text) or "" for text in _split(cell)) for cell in _cells(line)) + " |"


if __name__ == "__main__":
    sys.exit(main())
