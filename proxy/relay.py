"""relay(request, config, upstream, host) -> Reply: the one function that everything serves."""

from __future__ import annotations

from typing import cast

from proxy import log, request_body, stages
from proxy.access import auth, headers, redaction
from proxy.call import Call
from proxy.endpoints import models, status
from proxy.error_reply import error_reply
from proxy.errors import ClientGone, MethodNotAllowed, NotOffered, NoWebSocket, ProxyError, Unexpected, UpstreamRefused
from proxy.host import Host
from proxy.messages import Reply, Request
from proxy.routing import targets, upstream_stream
from proxy.settings.config import Config
from proxy.startup import log_warnings
from proxy.streaming.buffering import buffer
from proxy.streaming.delivery import open_reply, seal
from proxy.upstream import Outgoing, Upstream, timeouts
from proxy.wire.path_table import GEMINI
from proxy.wire.paths import BILLING_PATHS, check_query, normalise_path, of_google


async def relay(request: Request, config: Config, upstream: Upstream, host: Host) -> Reply:
    """Answer one call, whatever it is. Never raises but when the caller is gone (cancelled from outside)."""
    call = Call(request, config, host, upstream)
    if call.cold:
        log_warnings(config, host)
    try:
        return seal(call, await _answer(call))
    except ProxyError as error:
        return seal(call, _error_reply(call, error))
    except Exception as error:  # the last handler: nothing escapes
        log.crashed(call, error)
        return seal(call, _error_reply(call, Unexpected()))
    except BaseException:
        log.finished(call, ClientGone.status, 0, ClientGone.code, ttfb=None, first_chunk=None)
        raise


async def _answer(call: Call) -> Reply:
    request, config = call.request, call.config
    if not (request.method.isascii() and request.method.isalpha()):
        raise MethodNotAllowed("This is no HTTP method.")
    if request.method == "OPTIONS":
        return Reply(204, headers.preflight(request.headers))
    route = of_google(normalise_path(request.path), request.headers)
    call.take_route(route)
    log.begun(call)
    if headers.asks_for_websocket(request.headers):
        raise no_websocket(request.path)
    if route.own:
        return await status.answer(call, route)
    check_query(request.query)
    if call.api == GEMINI:
        auth.move_query_key(request)
    caller = auth.admit(request.headers, config, call.host.clock.wall())
    call.admit(caller)
    if route.path in BILLING_PATHS and not caller.own_key:
        from proxy.endpoints.spending import billing  # few calls come here

        return await billing.answer(call)
    auth.check_path(caller, request.method, route, config)
    if models.applies(call):
        return await models.answer(call)
    await request_body.take(call)
    call.plan.targets = targets.choose(call)
    if any(target.api != call.api for target in call.plan.targets):
        call.plan.reads_answer = True  # it is translated
    wrappers = await stages.apply(call)
    stream = stages.wrap(upstream_stream.pieces(call, _outgoing(call)), wrappers)
    reply = await open_reply(call, stream, passive=all(wrapper.passive for wrapper in wrappers))
    call.forget_request()
    return reply if call.host.capabilities.streams else await buffer(call, reply)


def _outgoing(call: Call) -> Outgoing:
    """The call upwards, to the first of its targets."""
    request, config, body = call.request, call.config, call.body
    plain = call.streamed or call.plan.wants_events or call.plan.reads_answer
    first, waits = call.plan.targets[0], timeouts(config)
    up = headers.upward(request.headers, config, call.own_key, plain, call.plan.opens_answer, api=first.api)
    if body.document and body.document.value is not None and "content-type" not in request.headers:
        up.append(("content-type", "application/json"))  # as it was read here
    path, query = call.path, request.query
    if call.plan.wants_events and not call.streamed:
        path, query = call.protocol.stream_path(path, query)
    return Outgoing(first, request.method, path, query, up, body.outgoing, waits, body.native)


def no_websocket(path: str) -> ProxyError:
    """What to answer to a WebSocket at this path. Raises UnknownPath where nothing is."""
    return NotOffered() if normalise_path(path).path.partition("/")[0] == "realtime" else NoWebSocket()


def _error_reply(call: Call, error: ProxyError) -> Reply:
    """An error as the whole answer."""
    call.outcome.ending, call.outcome.is_expected = error.code, error.is_expected
    protocol = call.error_protocol
    reply = error_reply(error, protocol.error_body(error, call.id))
    if protocol.id_header is not None and not isinstance(error, UpstreamRefused):
        reply.headers.set(protocol.id_header, call.id)
    if not isinstance(error, UpstreamRefused):  # that one has been searched for secrets where it was read
        reply.body = redaction.redact_whole(cast("bytes", reply.body).decode(), call.config.secrets).encode()
    return reply
