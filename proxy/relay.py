"""relay(request, config, upstream, host) -> Reply: the one function that everything serves."""

from __future__ import annotations

from proxy import auth, body, catalogue, headers, intake, log, own, source, targets
from proxy.buffered import hold
from proxy.call import Call
from proxy.config import Config
from proxy.delivery import open_reply, seal
from proxy.errors import ClientGone, MethodNotAllowed, NotOffered, ProxyError, Unexpected
from proxy.host import Host
from proxy.messages import Reply, Request, Stream
from proxy.routes import check_query, normalise_path
from proxy.stages import STAGES
from proxy.unready import error_reply
from proxy.upstream import Outgoing, Upstream, patience

# What the relay itself looks at in a request: for the log, for the way the answer is asked for, for its last words.
_FIELDS = ("model", "stream", "n", "modalities", "audio", "stream_options")


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
    if route.own:
        return await own.answer(call, route, upstream)
    check_query(request.query)
    if (request.headers.get("upgrade") or "").lower() == "websocket":
        raise NotOffered
    call.caller = auth.admit(request.headers, config, call.host.clock.wall())
    auth.check_path(call.caller, request.method, route, config)
    if catalogue.applies(call):
        return await catalogue.answer(call, upstream)
    call.body = await intake.read(call)
    call.fields = body.read(call.body, _FIELDS) if intake.may_be_json(request) else {}
    call.targets = targets.choose(call)
    for stage in STAGES:
        stage.prepare(call)
    plain = call.streamed or call.wants_events or call.plain_answer
    up = headers.upward(request.headers, config, call.caller.own_key, plain)
    first, waits = call.targets[0], patience(config)
    outgoing = Outgoing(first, request.method, route.path, request.query, up, call.body, waits, call.native_body)
    stream: Stream = source.Source(call, upstream, outgoing)
    for stage in STAGES:
        stream = stage.wrap(call, stream)
    reply = await open_reply(call, stream)
    return reply if call.host.capabilities.streams else await hold(call, reply)


def _told(call: Call, error: ProxyError) -> Reply:
    """An error as the whole answer."""
    call.ending = error.code
    return error_reply(error)
