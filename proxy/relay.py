"""relay(request, config, upstream, host) -> Reply: the one function that everything serves."""

from __future__ import annotations

from typing import cast

from proxy import log, request_body
from proxy.access import auth, headers, redaction
from proxy.call import Call
from proxy.endpoints import models, status
from proxy.error_reply import error_reply
from proxy.errors import ClientGone, MethodNotAllowed, NotOffered, NoWebSocket, ProxyError, Unexpected, UpstreamRefused
from proxy.host import Host
from proxy.messages import Reply, Request, Stream
from proxy.routing import targets, upstream_stream
from proxy.settings.config import Config
from proxy.stages import STAGES
from proxy.streaming.buffering import hold
from proxy.streaming.delivery import open_reply, seal
from proxy.upstream import Outgoing, Upstream, patience
from proxy.wire.json_edit import Document
from proxy.wire.paths import check_query, normalise_path

# A body of more bytes than this is copied by an edit for so long that others have their turn after each stage.
_LARGE = 1_000_000


async def relay(request: Request, config: Config, upstream: Upstream, host: Host) -> Reply:
    """Answer one call, whatever it is. Never raises but when the caller is gone (cancelled from outside)."""
    call = Call(request, config, host)
    call.upstream = upstream
    if call.cold:
        log.configured(call)
    try:
        return seal(call, await _answer(call, upstream))
    except ProxyError as error:
        return seal(call, _told(call, error))
    except Exception as error:  # the last handler: nothing escapes
        log.crashed(call, error)
        return seal(call, _told(call, Unexpected()))
    except BaseException:
        log.finished(call, ClientGone.status, 0, ClientGone.code, ttfb=None, first_chunk=None)
        raise


async def _answer(call: Call, upstream: Upstream) -> Reply:
    request, config = call.request, call.config
    if not (request.method.isascii() and request.method.isalpha()):
        raise MethodNotAllowed("This is no HTTP method.")
    if request.method == "OPTIONS":
        return Reply(204, headers.preflight(request.headers))
    call.route = route = normalise_path(request.path)
    if headers.asks_for_websocket(request.headers):
        raise no_websocket(request.path)
    if route.own:
        return await status.answer(call, route, upstream)
    check_query(request.query)
    call.caller = auth.admit(request.headers, config, call.host.clock.wall())
    auth.check_path(call.caller, request.method, route, config)
    if models.applies(call):
        return await models.answer(call, upstream)
    await request_body.take(call)
    call.targets = targets.choose(call)
    for stage in STAGES:
        before = call.document
        if (waiting := stage.prepare(call)) is not None:
            await waiting
        if call.document is not before and len(call.sent_body) > _LARGE:
            await call.host.clock.sleep(0)
    plain = call.streamed or call.wants_events or call.plain_answer
    up = headers.upward(request.headers, config, call.caller.own_key, plain)
    if call.document and call.document.value is not None and "content-type" not in request.headers:
        up.append(("content-type", "application/json"))  # as it was read here
    first, waits = call.targets[0], patience(config)
    outgoing = Outgoing(first, request.method, route.path, request.query, up, call.body, waits, call.native_body)
    stream: Stream = upstream_stream.Source(call, upstream, outgoing)
    for stage in STAGES:
        stream = stage.wrap(call, stream)
    reply = await open_reply(call, stream)
    _forget(call)
    return reply if call.host.capabilities.streams else await hold(call, reply)


def _forget(call: Call) -> None:
    """Let go of the request's parsed form: a large one would fill memory for as long as its answer takes."""
    if call.document is not None and call.checks is None:
        call.document = Document(call.document.data, call.document.members)
        call.bound = None


def no_websocket(path: str) -> ProxyError:
    """What to answer to a WebSocket at this path. Raises UnknownPath where nothing is."""
    return NotOffered() if normalise_path(path).path.partition("/")[0] == "realtime" else NoWebSocket()


def _told(call: Call, error: ProxyError) -> Reply:
    """An error as the whole answer."""
    call.ending = error.code
    reply = error_reply(error)
    if not isinstance(error, UpstreamRefused):  # that one has been looked through where it was read
        reply.body = redaction.whole(cast("bytes", reply.body).decode(), call.config.secrets).encode()
    return reply
