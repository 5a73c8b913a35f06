"""A Worker's response body that passes through Python, piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import js
from pyodide.ffi import create_proxy, to_js

from proxy.streaming.delivery import Delivery


def readable_stream(body: Delivery, abort: Callable[[], None]) -> Any:
    """A ReadableStream that takes each piece from `body`. `abort` cancels the upstream call at once."""
    source = _Source(body, abort)
    functions = to_js({"pull": source.pull, "cancel": source.cancel}, dict_converter=js.Object.fromEntries)
    return js.ReadableStream.new(functions, to_js({"highWaterMark": 0}, dict_converter=js.Object.fromEntries))


class _Source:
    """The two functions of a ReadableStream's underlying source, which JavaScript calls until `body` ends.

    After a disconnect the runtime calls `cancel` and runs little else. So `cancel` aborts the upstream before it awaits
    anything; otherwise the upstream would go on to its end, and the owner would pay for it.
    """

    def __init__(self, body: Delivery, abort: Callable[[], None]) -> None:
        self._body = body
        self._abort = abort
        self._pulling = False
        self._cancelled = False
        self.pull = create_proxy(self._pull)
        self.cancel = create_proxy(self._cancel)

    async def _pull(self, controller: Any) -> None:
        self._pulling = True
        try:
            piece = await self._body.__anext__()
        except StopAsyncIteration:
            await self._close()
            controller.close()
        except Exception as error:  # already logged; the client must see that its answer is incomplete
            await self._close()
            controller.error(js.Error.new(type(error).__name__))
        else:
            if self._cancelled:
                await self._close()
            else:
                controller.enqueue(to_js(piece))
        self._pulling = False

    async def _cancel(self, _reason: Any) -> None:
        self._cancelled = True
        self._abort()
        if not self._pulling:  # else the pending `_pull` closes, now that its piece will not come
            await self._close()

    async def _close(self) -> None:
        await self._body.aclose()
        self.pull.destroy()
        self.cancel.destroy()
