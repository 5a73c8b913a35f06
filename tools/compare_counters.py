"""`python -m tools.compare_counters TRUTH.jsonl`: measure a token counter on recorded requests, ours or litellm's.

For docs/tokens.md. With `--litellm` it runs in a Python that has litellm installed; TIKTOKEN_CACHE_DIR then names a
folder with the vocabularies, so that nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

CORE = ("text", "tools", "tool_history", "functions_legacy", "json_schema", "image_data")


def main(arguments: list[str] | None = None) -> int:
    """Print a Markdown row for each kind of request and for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--litellm", action="store_true")
    options = parser.parse_args(arguments)
    count = _litellm() if options.litellm else _ours()
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    started = time.perf_counter()
    for line in options.file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["category"] in CORE:
            try:
                counted = count(row["request"])
            except Exception as error:  # a counter that fails has not counted
                print(f"{row['id']}: {type(error).__name__}", file=sys.stderr)
                counted = 0
            for kind in (row["category"], "all"):
                found[kind].append((counted, row["prompt_tokens"]))
    print("| requests | number | exact | within 1 | mean error |\n|---|---|---|---|---|")
    for kind in (*CORE, "all"):
        pairs = found[kind]
        exact = sum(one == other for one, other in pairs) / len(pairs)
        near = sum(abs(one - other) <= 1 for one, other in pairs) / len(pairs)
        mean = sum(abs(one - other) / other for one, other in pairs) / len(pairs)
        print(f"| {kind} | {len(pairs)} | {exact:.1%} | {near:.1%} | {mean:.2%} |")
    print(f"{time.perf_counter() - started:.1f} s", file=sys.stderr)
    return 0


def _ours() -> Callable[[dict[str, Any]], int]:
    from proxy.tokens import budget, count_prompt

    return lambda request: count_prompt(request, [], [], budget(time.monotonic)).tokens


def _litellm() -> Callable[[dict[str, Any]], int]:
    from importlib import import_module

    counter = import_module("litellm").token_counter

    def count(request: dict[str, Any]) -> int:
        names = ("model", "messages", "tools", "tool_choice")
        return int(counter(**{name: request[name] for name in names if request.get(name) is not None}))

    return count


if __name__ == "__main__":
    raise SystemExit(main())
