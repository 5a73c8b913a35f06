"""A function's first call through Sluice, without the platform's own part: start an instance, answer one buffered call.

A script for a fresh interpreter; its argument is the request's body. Prints the seconds of CPU that the process has
used when the answer is complete. The target is OPENAI_BASE_URL's.
"""

import asyncio
import os
import sys
import time

from proxy.adapters.asyncio_host import Instance, write_line
from proxy.messages import Headers, Request
from proxy.transports.tls import tls_context


class Function(Instance):
    """What the adapters of buffered functions are made of."""

    platform = "bench"
    streams = False


async def first_call(body: bytes) -> None:
    """Make one call, with the TLS settings that a real upstream would need."""
    tls_context()
    function = Function(os.environ, write_line)
    headers = Headers([("authorization", "Bearer sk-bench"), ("content-type", "application/json")])
    reply = await function.answer(Request("POST", "/v1/chat/completions", "", headers, body))
    assert reply.status == 200, reply
    assert isinstance(reply.body, bytes)
    assert reply.body
    print(time.process_time(), flush=True)
    await function.aclose()


if __name__ == "__main__":
    asyncio.run(first_call(sys.argv[1].encode()))
