"""`python -m benchmarks.workers`: the CPU time that one call costs a Worker's Python, for each way an answer can take.

Under Pyodide in Node, by the process's own CPU clock. These are lower bounds of what Cloudflare bills: its runtime
adds a cost of its own to each crossing between JavaScript and Python, which does not show in Node.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import psutil

from proxy.cli.bundle.command import build_bundle
from tests.support.client import call
from tests.support.talk import CHAT, KEY, PLAIN, event
from tests.support.upstream import END, SSE_HEAD, Script, Sleep, Upstream, chunk, whole
from tests.support.workers import Workers

CALLS, EVENTS = 40, 100
ANSWER = whole(b'{"model":"m","choices":[{"message":{"content":"' + b"x" * 4000 + b'"}}],"usage":{"prompt_tokens":3}}')
# Apart in time, so that each is a piece of its own, as a model's words are.
STREAM = (SSE_HEAD, *(step for i in range(EVENTS) for step in (chunk(event(f"word {i} ")), Sleep(0.002))), END)
WAYS: tuple[tuple[str, str, str, bytes, Script, dict[str, str]], ...] = (
    ("healthz: Python and nothing else", "GET", "/healthz", b"", ANSWER, {}),
    ("a JSON answer of 4 KB, read in one step", "POST", "/v1/chat/completions", PLAIN, ANSWER, {}),
    ("a stream of 100 events, native", "POST", "/v1/chat/completions", CHAT, STREAM, {}),
    ("the same, STREAM_GUARD=1", "POST", "/v1/chat/completions", CHAT, STREAM, {"STREAM_GUARD": "1"}),
)


def main() -> None:
    """Print one line for each way."""
    upstream = Upstream()
    with tempfile.TemporaryDirectory() as folder:
        assert build_bundle("cloudflare", folder) == 0
        workers = Workers(Path(folder) / "cloudflare", trace=False)
        process = psutil.Process(workers.pid)
        for name, method, path, body, script, settings in WAYS:
            port = workers.at({"OPENAI_BASE_URL": upstream.url, "LOG_LEVEL": "off", **settings})
            upstream.play(script)
            for _warm in range(2):  # once to warm up
                before = sum(process.cpu_times()[:2])
                for _ in range(CALLS):
                    assert call(port, method, path, KEY, body).status == 200
            spent = (sum(process.cpu_times()[:2]) - before) / CALLS * 1000
            print(f"{spent:6.1f} ms  {name}")
        print(f"{process.memory_info().rss / 1e6:6.0f} MB  Node and Pyodide")
        workers.close()
    upstream.close()


if __name__ == "__main__":
    main()
