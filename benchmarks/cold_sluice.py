"""A function's first call through Sluice, without a server: import the handler, start it, answer one buffered call.

A script for a fresh interpreter; its argument is the request's body. Prints the seconds of CPU that the process has
used when the answer is complete. The target is OPENAI_BASE_URL's.
"""

import asyncio
import sys
import time
from collections.abc import MutableMapping
from typing import Any

import handler
from proxy.transports.tls import tls_context

Message = MutableMapping[str, Any]


async def first_call(body: bytes) -> None:
    """Start the app up as a server does, and make one call; with the TLS settings that a real upstream would need."""
    tls_context()
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    outbox: asyncio.Queue[Message] = asyncio.Queue()
    lifespan = asyncio.ensure_future(handler.app({"type": "lifespan"}, inbox.get, outbox.put))
    inbox.put_nowait({"type": "lifespan.startup"})
    started = await outbox.get()
    assert started["type"] == "lifespan.startup.complete", started
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer sk-bench"), (b"content-type", b"application/json")],
    }
    requests: asyncio.Queue[Message] = asyncio.Queue()
    requests.put_nowait({"type": "http.request", "body": body})
    await handler.app(scope, requests.get, outbox.put)
    head, answer = outbox.get_nowait(), outbox.get_nowait()
    assert head["status"] == 200, head
    assert answer["body"]
    print(time.process_time(), flush=True)
    inbox.put_nowait({"type": "lifespan.shutdown"})
    await lifespan


if __name__ == "__main__":
    asyncio.run(first_call(sys.argv[1].encode()))
