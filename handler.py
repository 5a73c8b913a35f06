"""The entry points that platforms name, and nothing else. Each imports what it needs when it is first used.

`app` is for any ASGI server (`uvicorn handler:app`), `main_handler` for Tencent SCF event functions, `lambda_handler`
for buffered functions on AWS Lambda.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any


def main_handler(event: Any, context: Any) -> dict[str, Any]:
    """Tencent SCF calls this for each event of an event function."""
    started = time.monotonic()  # before the imports of a first call, which the platform's limit counts too
    answer: dict[str, Any] = _event_function()(event, context, started)
    return answer


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """AWS Lambda calls this for each event of a buffered function."""
    answer: dict[str, Any] = _buffered_function()(event, context)
    return answer


@cache
def _buffered_function() -> Any:
    from proxy.adapters.aws_buffered import BufferedFunction

    return BufferedFunction(os.environ)


@cache
def _event_function() -> Any:
    from proxy.adapters.scf_event import EventFunction

    return EventFunction(os.environ)


@cache
def _app() -> Any:
    from proxy.adapters.asgi import App

    return App()


def __getattr__(name: str) -> Any:
    if name == "app":
        return _app()
    raise AttributeError(name)


def _prepare() -> None:
    """Build the function while its instance starts: that phase has a time limit of its own, on AWS a faster CPU too.

    Does nothing anywhere else; importing this file stays cheap.
    """
    if os.environ.get("TENCENTCLOUD_RUNENV") == "SCF":
        _event_function().prepare()
    elif os.environ.get("_HANDLER") == "handler.lambda_handler" and "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        _buffered_function().prepare()


_prepare()
