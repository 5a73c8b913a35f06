"""One call on its way through the core: what its caller sent, what was decided about it, and what happened.

Stages read and fill it; relay owns it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from proxy.host import Host, Stateful
from proxy.messages import Headers, Request, media_type
from proxy.protocols import registry
from proxy.protocols.base import Protocol, StreamState
from proxy.protocols.usage import Usage
from proxy.settings.config import Config
from proxy.upstream import Target, Upstream
from proxy.wire import path_table
from proxy.wire.path_table import Endpoint
from proxy.wire.paths import Route

if TYPE_CHECKING:
    from proxy.wire.json_edit import Document
    from proxy.wire.multipart import Field

T = TypeVar("T")
S = TypeVar("S", bound=StreamState)
OnUsage = Callable[["Call", bytes, Protocol], None]
# The classes below are no dataclasses, where that saves little: each of those takes half a millisecond of a cold start.

# The share of a time limit that is reserved for ending the answer properly: 10 %, at most 2 s.
MARGIN_SHARE, MAX_MARGIN_SECONDS = 0.1, 2.0
MAX_CHOICES = 128
# A segment of an unknown path that is a word or a version, and so no key.
_HARMLESS = re.compile(r"[A-Za-z._-]{0,24}|v\d{1,2}")


class Grant(NamedTuple):
    """What a signed key is for; an empty tuple and None limit nothing. `models` are patterns, `paths` families.

    The rest holds for all calls of the key together: `budget` in nano-dollars (1e-9 USD) per `period` (day, month or
    total), `rpm` requests and `tpm` tokens in any minute, `parallel` calls at the same time.
    """

    models: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    max_output_tokens: int | None = None
    budget: int | None = None
    period: str = ""
    rpm: int | None = None
    tpm: int | None = None
    parallel: int | None = None


class Caller(NamedTuple):
    """`key` is the caller's own upstream key, None where the server's are used; `id` is safe to log.

    `grant` is what a signed key is for and `expires` (Unix time) when it ends, None for every other caller.
    """

    key: str | None
    id: str
    grant: Grant | None = None
    expires: int | None = None

    @property
    def own_key(self) -> bool:
        """Whether the caller pays for the call itself."""
        return self.key is not None

    def __repr__(self) -> str:
        return f"Caller({self.id})"  # never a key


class Body:
    """The request's body: what the caller asked.

    `received` is the body as it came. `document` is it as JSON, with the stages' edits, `form` its parts; each is None
    where the body is not that, or nobody has read it. `native` is a body that goes up unread, as the platform's own
    stream. `fields` are the members that relaying itself depends on.
    """

    def __init__(self) -> None:
        self.received = b""
        self.document: Document | None = None
        self.form: tuple[Field, ...] | None = None
        self.native: Any = None
        self.fields: dict[str, Any] = {}

    @property
    def outgoing(self) -> bytes:
        """The body as it goes up."""
        return self.received if self.document is None else self.document.data


class Retry:
    """The request without `added`, members that a stage put in: for an upstream that refuses them.

    What is learned from the refusal goes into `lessons` of the host, for `model` at that upstream. `used` says that the
    request has gone up without them.
    """

    def __init__(
        self, document: Document, added: tuple[str, ...], lessons: dict[tuple[str, str], float], model: str
    ) -> None:
        self.document = document
        self.added = added
        self.lessons = lessons
        self.model = model
        self.used = False


class Plan:
    """What was decided before the call goes up.

    `targets` are where it may go, in the order to try them. `max_output` is how many tokens each answer may have, None
    where nobody limits them: the body that goes up says so in its target's words. `wants_events`: the upstream is asked
    for a stream, whatever the caller asked for. `reads_answer`: the answer must be readable here, without any encoding;
    `opens_answer`: in one that can be opened here. `keeps_document`: the request's parsed form is needed after the call
    went up. `on_usage` is called with what the upstream of a translated call answers, and with its protocol.
    """

    def __init__(self) -> None:
        self.targets: list[Target] = []
        self.on_usage: OnUsage | None = None  # not bound to its call: that would leave a cycle for the collector
        self.max_output: int | None = None
        self.wants_events = False
        self.reads_answer = False
        self.opens_answer = False
        self.keeps_document = False
        self.retry: Retry | None = None


class Outcome:
    """What happened: the target, the answer's head, and what the log is told.

    `kind` is the answer's media type, `length` the body's size in bytes if known; `whole`: one piece is all of it.
    `native` is a body that can go down as the platform's own stream; `handed_over`: the platform has taken it. `ending`
    is complete, or an error's code, for which `is_expected` keeps the log from warning. `is_translated`: the upstream
    spoke another protocol than the caller. `details` are further fields of the log line.
    """

    def __init__(self) -> None:
        self.target: Target | None = None
        self.upstream_status: int | None = None
        self.upstream_request_id: str | None = None
        self.attempts: list[str] = []
        self.status = 200
        self.headers: Headers | None = None
        self.kind = ""
        self.is_sse: bool | None = None
        self.length: int | None = None
        self.whole = False
        self.native: Any = None
        self.handed_over = False
        self.reply_headers: list[tuple[str, str]] = []
        self.ending = "complete"
        self.is_expected = False
        self.is_translated = False
        self.model: str | None = None
        self.usage = Usage()
        self.cost_usd: float | None = None
        self.prices_date: str | None = None
        self.details: dict[str, Any] = {}

    def go_to(self, target: Target) -> None:
        """Note the target that the call goes to now; what the one before it answered no longer counts."""
        self.target = target
        self.upstream_status = self.upstream_request_id = None

    def forget_upstream(self) -> None:
        """Several upstreams were asked at once, so none of them is the call's."""
        self.target = self.upstream_status = self.upstream_request_id = None
        self.attempts.clear()

    def head_came(self, status: int, headers: Headers, length: int | None, whole: bool = False) -> None:
        """Note the answer's head; again if the answer becomes another one."""
        self.status, self.headers, self.length, self.whole = status, headers, length, whole
        self.kind = media_type(headers)
        self.is_sse = self.kind == "text/event-stream" and "content-encoding" not in headers


class Call(Stateful):
    """`started` and `ends_at` are seconds on the host's clock; `ends_at` is None where nothing stops the function.

    `upstream` is there for a stage's own calls. `route` is what the path means here, None before it is read. From it
    follow `path` (below /v1, empty without one), `api` (by its name in wire.path_table), `endpoint` (the row of the
    path, None where it is no inference) and `protocol` (of the path, `registry.OTHER` where it has none). `own_key`:
    the key that goes up is the caller's own; `holds_credential`: it is one that the server holds.
    """

    def __init__(self, request: Request, config: Config, host: Host, upstream: Upstream) -> None:
        self.request = request
        self.config = config
        self.host = host
        self.upstream = upstream
        self.started = host.clock.now()
        self.ends_at: float | None = None
        if request.deadline is not None:
            margin = min(MAX_MARGIN_SECONDS, MARGIN_SHARE * request.deadline)
            self.ends_at = self.started + request.deadline - margin
        self.id = host.new_id()
        self.cold = host.take_cold()
        self.route: Route | None = None
        self.path, self.api = "", path_table.OPENAI
        self.endpoint: Endpoint | None = None
        self.protocol: Protocol = registry.OTHER
        self.caller: Caller | None = None
        self.own_key = self.holds_credential = False
        self.body = Body()
        self.plan = Plan()
        self.outcome = Outcome()
        self._states = {}

    def forget(self, *kinds: type[Any]) -> None:
        """Drop what `state` keeps of these kinds: the request has changed."""
        for kind in kinds:
            self._states.pop(kind, None)

    def forget_request(self) -> None:
        """Drop the request's parsed form: a large one would fill memory for as long as its answer takes.

        States that say `holds_request` go with it.
        """
        document = self.body.document
        if document is not None and not self.plan.keeps_document:
            self.body.document = type(document)(document.data, document.members)
            self.forget(*[kind for kind in self._states if getattr(kind, "holds_request", False)])

    @property
    def bytes_in(self) -> int | None:
        """The size of the request's body, None where it passes unread and does not announce its length."""
        return len(self.body.received) if self.body.native is None else self.request.length

    def take_route(self, route: Route) -> None:
        """Note what the path means here."""
        self.route, self.path, self.api = route, route.path, route.api
        if self.request.method == "POST":
            self.endpoint, self.protocol = route.endpoint, registry.get(route.protocol)
        elif self._lists_for_anthropic():
            self.api = path_table.MESSAGES

    def admit(self, caller: Caller) -> None:
        """Note who calls."""
        self.caller, self.own_key, self.holds_credential = caller, caller.own_key, not caller.own_key

    def _lists_for_anthropic(self) -> bool:
        """Whether the call lists models for a client of Anthropic's, which says so in a header."""
        is_listing = path_table.is_listing(self.request.method, self.path)
        return self.api == path_table.OPENAI and is_listing and "anthropic-version" in self.request.headers

    @property
    def is_relayed(self) -> bool:
        """Whether the path is one that goes upstream, if nothing refuses the call."""
        return self.route is not None and not self.route.own

    @property
    def allowed_models(self) -> tuple[str, ...]:
        """The patterns of models that the caller's key is for, none where it is for all."""
        grant = self.caller.grant if self.caller else None
        return grant.models if grant else ()

    @property
    def allowed_output(self) -> int | None:
        """The most output tokens of the call, by the owner's limit for everybody and the one in the caller's key."""
        grant, limit = self.caller.grant if self.caller else None, self.config.max_output_tokens
        if grant is None or grant.max_output_tokens is None:
            return limit
        return grant.max_output_tokens if limit is None else min(limit, grant.max_output_tokens)

    @property
    def has_limits(self) -> bool:
        """Whether somebody limits what the call may cost."""
        return self.config.max_cost_usd is not None or self.allowed_output is not None

    @property
    def has_budget(self) -> bool:
        """Whether the cost or the tokens of the call count towards a limit on all calls of its key."""
        grant, config = self.caller.grant if self.caller else None, self.config
        if not self.holds_credential:
            return False
        if config.key_budget_usd is not None or config.key_tpm is not None:
            return True
        return grant is not None and (grant.budget is not None or grant.tpm is not None)

    @property
    def is_counted(self) -> bool:
        """Whether the call is counted for its key: there is a store, or a limit that needs one."""
        grant = self.caller.grant if self.caller else None
        if not self.holds_credential:
            return False
        has_limit = grant is not None and not (grant.budget is grant.rpm is grant.tpm is grant.parallel is None)
        return self.config.store is not None or has_limit

    @property
    def error_protocol(self) -> Protocol:
        """The protocol in whose form the caller reads errors: that of the path, else the one that its headers name."""
        protocol = registry.below(self.path)
        if protocol is registry.OTHER:
            for header, api in (("anthropic-version", path_table.MESSAGES), ("x-goog-api-key", path_table.GEMINI)):
                if header in self.request.headers:
                    return registry.of_api(api)
        return protocol

    def prepared(self, state: S) -> S:
        """The state of a new stream, with what its endings depend on."""
        state.request_id = self.id
        state.reruns_incomplete = self.reruns_incomplete
        return state

    @property
    def reruns_incomplete(self) -> bool:
        """Whether the client is Codex, which repeats a call up to five times after `response.incomplete`."""
        names = (self.request.headers.get(name) or "" for name in ("originator", "user-agent"))
        return any(name.lower().startswith("codex") for name in names)

    @property
    def shown_path(self) -> str:
        """The path for the log, without the query: that may hold a key. So may a path that means nothing here."""
        if self.route is None:
            segments = self.request.path[:100].split("/")
            return "/".join(segment if _HARMLESS.fullmatch(segment) else "*" for segment in segments)
        return self.route.shown

    @property
    def streamed(self) -> bool:
        """Whether the caller asked for a stream."""
        if self.body.fields.get("stream") is True:
            return True
        query = self.request.query
        return bool(query) and "stream=true" in query.split("&")

    @property
    def choices(self) -> int:
        """How many choices were asked for, 1 unless the body says otherwise."""
        count = self.body.fields.get("n")
        return count if isinstance(count, int) and 1 <= count <= MAX_CHOICES else 1

    @property
    def is_sse(self) -> bool | None:
        """Whether the upstream's answer is an event stream that can be read here; None before its head has come."""
        return self.outcome.is_sse

    def elapsed(self) -> float:
        """Seconds since the call came in."""
        return self.host.clock.now() - self.started
