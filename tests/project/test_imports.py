"""What importing loads: every module here is paid at each cold start."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.support.imports import loaded_by

CORE_NEVER = ("httpx", "mangum", "tiktoken", "asyncio", "ssl", "uvicorn", "http.client", "hmac", "zlib", "tomllib")
HANDLER_NEVER = (
    "httpx",
    "tiktoken",
    "mangum",
    "uvicorn",
    "proxy.cli",
    "proxy.endpoints.console",
    "proxy.transports.demo",
)
SELDOM = (
    *(
        "proxy.tokens",
        "proxy.cost.prices",
        "proxy.cost.metering",
        "proxy.cost.context_limit",
        "proxy.cost.estimate",
        "proxy.cost.cost_limit",
        "proxy.cost.upper_bound",
        "proxy.cost.budget",
        "proxy.cost.bookings",
        "proxy.store",
        "proxy.metrics",
        "prometheus_client",
        "sqlite3",
        "redis",
        "proxy.routing.model_allowlist",
        "decimal",
    ),
    *("proxy.access.account_references", "proxy.routing.model_alias", "proxy.wire.multipart"),
    *(
        "proxy.moderation.stream_gate",
        "proxy.moderation.checkers",
        "proxy.protocols.texts",
        "proxy.moderation.whole_answer",
        "unicodedata",
    ),
)
UPSTREAM_NEVER = ("click", "rich", "pygments", "h2", "socksio", "trio", "proxy.cli", "tiktoken")
CEILING_SECONDS = 1.5  # for what takes about 0.1 s: only a new framework passes it


@pytest.mark.parametrize(
    ("statement", "never"),
    [
        ("import proxy.relay", (*CORE_NEVER, *SELDOM)),
        ("import handler", (*HANDLER_NEVER, *SELDOM)),
        ("import handler; from tests.support.core import *; run(Listed(b''))", ("tiktoken", *SELDOM)),
        ("import proxy.transports.httpx", UPSTREAM_NEVER),
        ("import proxy.transports.direct", (*UPSTREAM_NEVER, "httpx", "httpcore", "h11", "anyio", "certifi")),
    ],
)
def test_an_import_loads_nothing_that_it_does_not_need(statement: str, never: tuple[str, ...]) -> None:
    loaded = loaded_by(statement)
    assert not [name for name in loaded if name in never or name.startswith(tuple(f"{one}." for one in never))]


@pytest.mark.parametrize(
    ("path", "protocol"),
    [
        ("/v1/chat/completions", "ch"),  # chat.py and chunks.py
        ("/v1/responses", "responses"),
        ("/v1/messages", "messages"),
        ("/v1beta/models/m:generateContent", "gemini"),
        ("/v1/embeddings", "none"),
    ],
)
def test_a_call_loads_no_other_protocol(path: str, protocol: str) -> None:
    loaded = loaded_by(
        "from tests.support.core import *\n"
        f'call = request({path!r}, b\'{{"model": "m"}}\')\n'
        "run(Listed(b'{}', headers=JSON_HEAD), call, settings={'OPENAI_BASE_URL': 'http://127.0.0.1:9/v1'})"
    )
    package = "proxy.protocols."
    names = {name.removeprefix(package) for name in loaded if name.startswith(package)}
    own = {name for name in names if name.startswith(protocol)}
    assert names - own - {"members"} == {"base", "registry", "usage"} and bool(own) == (protocol != "none")


def test_the_names_above_are_modules() -> None:
    for name in {*CORE_NEVER, *HANDLER_NEVER, *SELDOM, *UPSTREAM_NEVER}:
        assert not name.startswith("proxy") or find_spec(name), name


def test_importing_httpx_leaves_no_trace_of_how_it_was_kept_small() -> None:
    loaded_by("import proxy.transports.httpx\nassert 'click' not in sys.modules\nimport click")


def test_the_entry_point_is_imported_quickly() -> None:
    code = "import time; s = time.process_time(); import handler; print(time.process_time() - s)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert float(done.stdout) < CEILING_SECONDS
