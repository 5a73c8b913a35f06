"""One call on its way through the core: what is known of it so far. Stages read and fill it, relay owns it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.access.auth import Caller
from proxy.errors import UpstreamRefused
from proxy.host import Host
from proxy.messages import Headers, Request
from proxy.settings.config import Config
from proxy.wire.path_table import Endpoint, endpoint
from proxy.wire.paths import Route

if TYPE_CHECKING:
    from proxy.cost.upper_bound import Bound
    from proxy.moderation.stage import Checks
    from proxy.tokens.prompt import Count
    from proxy.upstream import Target, Upstream
    from proxy.wire.json_edit import Document
    from proxy.wire.multipart import Field

# The share of a time limit that is kept back for the last words: 10 %, at most 2 s (the design's rule).
MARGIN_SHARE, MARGIN_MOST = 0.1, 2.0

# A segment of an unknown path that is a word or a version, and so no key.
_HARMLESS = re.compile(r"[A-Za-z._-]{0,24}|v\d{1,2}")


@dataclass(frozen=True, slots=True)
class OnceMore:
    """What to ask an upstream with once more, after it has refused what a stage put into the request.

    `is_meant` says whether a refusal minds that, `document` is the request without it. `names_field` says whether the
    refusal does so for certain; only then, and when the second try has worked, `learn` is called, with the target.
    """

    document: Document
    is_meant: Callable[[UpstreamRefused], bool]
    names_field: Callable[[UpstreamRefused], bool]
    learn: Callable[[Target], None]


class Call:
    """`started` and `ends_at` are seconds on the host's clock; `ends_at` is None where nothing stops the function.

    `sent_body` is the request's body as it came; `document` is it as JSON, with what stages have changed in it, `form`
    its parts, each None where it is not that or nobody has looked. `max_output` is how many tokens each answer may have
    at the most, where somebody limits them: the body that goes up says so in the words of its target.
    `native_body` is a request's body that goes up unread, `native` an answer's that can go down so, as the platform's
    own streams; `handed_over` says that the platform has taken the latter. `wants_events`: the upstream is asked for a
    stream, whatever the caller asked for. `once_more` is what to ask with after a refusal. `asked_usage`: a stream's
    usage was asked for on the caller's behalf.
    `counts` is how many tokens its prompt has, by model, where a stage has counted them, `bound` more than it can
    have, and `texts_counted` that with its texts counted. `other_models` are those that it names besides its own.
    `targets` is where the call may go, in the order to try them, and `target` the one that it is with.
    `plain_answer`: what comes back must be readable here.
    `checks` says what a content filter looks at, None where it looks at nothing. `upstream` is there for a stage's own
    calls.
    """

    def __init__(self, request: Request, config: Config, host: Host) -> None:
        self.request = request
        self.config = config
        self.host = host
        self.started = host.clock.now()
        self.id = host.new_id()
        self.cold = host.take_cold()
        self.route: Route | None = None
        self.caller: Caller | None = None
        self.sent_body = b""
        self.document: Document | None = None
        self.form: tuple[Field, ...] | None = None
        self.native_body: Any = None
        self.fields: dict[str, Any] = {}
        self.status = 200
        self.headers: Headers | None = None
        self.length: int | None = None
        self.whole = False
        self.native: Any = None
        self.handed_over = False
        self.wants_events = False
        self.once_more: OnceMore | None = None
        self.asked_usage = False
        self.counts: dict[str, Count] = {}
        self.texts_counted: dict[str, int] = {}
        self.other_models: list[Any] | None = None
        self.bound: Bound | None = None
        self.max_output: int | None = None
        self.targets: list[Target] = []
        self.target: Target | None = None
        self.plain_answer = False
        self.checks: Checks | None = None
        self.upstream: Upstream | None = None
        self.reply_headers: list[tuple[str, str]] = []
        self.record: dict[str, Any] = {}
        self.ending = "complete"
        self.ends_at: float | None = None
        if request.deadline is not None:
            margin = min(MARGIN_MOST, MARGIN_SHARE * request.deadline)
            self.ends_at = self.started + request.deadline - margin

    def take(self, target: Target) -> None:
        """Take note of the target that the call now goes to."""
        self.target = target
        self.record["upstream"] = target.name
        self.record["upstream_status"] = self.record["upstream_request_id"] = None  # the last one's, if there was one

    def head_came(self, status: int, headers: Headers, length: int | None, whole: bool = False) -> None:
        """Take note of the answer's head, its body's length in bytes if known, and whether one piece is all of it."""
        self.status, self.headers, self.length, self.whole = status, headers, length, whole

    @property
    def body(self) -> bytes:
        """The request's body as it goes up."""
        return self.sent_body if self.document is None else self.document.data

    @property
    def bytes_in(self) -> int | None:
        """The size of the request's body, None where it passes unread and does not say."""
        return len(self.sent_body) if self.native_body is None else self.request.length

    @property
    def path(self) -> str:
        """The path below /v1, empty where there is none."""
        return self.route.path if self.route else ""

    @property
    def own_key(self) -> bool:
        """Whether the key that goes up is the caller's own."""
        return self.caller is not None and self.caller.own_key

    @property
    def holds_credential(self) -> bool:
        """Whether the call goes up with a credential that the server holds."""
        return self.caller is not None and not self.caller.own_key

    @property
    def allowed_models(self) -> tuple[str, ...]:
        """The patterns of models that the caller's key is for, none where it is for all."""
        grant = self.caller.grant if self.caller else None
        return grant.models if grant else ()

    @property
    def allowed_output(self) -> int | None:
        """The most output tokens of the call, by the owner's limit for everybody and the one in the caller's key."""
        grant = self.caller.grant if self.caller else None
        limits = (self.config.max_output_tokens, grant.max_output_tokens if grant else None)
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def has_limits(self) -> bool:
        """Whether somebody limits what the call may cost."""
        return self.config.max_cost_usd is not None or self.allowed_output is not None

    @property
    def endpoint(self) -> Endpoint | None:
        """What the table of paths says of this call, None for one that is no inference."""
        return endpoint(self.path) if self.request.method == "POST" else None

    @property
    def protocol(self) -> str:
        """chat, completions, responses or other."""
        return self.route.protocol if self.route and self.request.method == "POST" else "other"

    @property
    def shown_path(self) -> str:
        """The path for the log, without the query: that may hold a key. So may a path that means nothing here."""
        if self.route is None:
            segments = self.request.path[:100].split("/")
            return "/".join(segment if _HARMLESS.fullmatch(segment) else "*" for segment in segments)
        return f"/{self.route.path}" if self.route.own else f"/v1/{self.route.path}"

    @property
    def streamed(self) -> bool:
        """Whether the caller asked for a stream."""
        return self.fields.get("stream") is True or "stream=true" in self.request.query.split("&")

    @property
    def choices(self) -> int:
        """How many choices were asked for, 1 unless the body says otherwise."""
        count = self.fields.get("n")
        return count if isinstance(count, int) and 1 <= count <= 128 else 1

    @property
    def is_sse(self) -> bool | None:
        """Whether the upstream's answer is an event stream that can be looked into; None before its head has come."""
        if self.headers is None:
            return None
        return media_type(self.headers) == "text/event-stream" and "content-encoding" not in self.headers

    def elapsed(self) -> float:
        """Seconds since the call came in."""
        return self.host.clock.now() - self.started


def media_type(headers: Headers) -> str:
    """The Content-Type without its parameters, lower case, or ''."""
    return (headers.get("content-type") or "").partition(";")[0].strip().lower()
