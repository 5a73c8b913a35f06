"""Normalise the path of a request to the path below `/v1` that its caller means.

People paste every spelling of a base URL: with `/v1`, without it, with it twice, after a gateway's stage, or the whole
URL of a call. All of them reach the same path. Any other path is refused here, so that bots never reach an upstream.
"""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache

from proxy.errors import BadRequest, Telemetry, UnknownPath
from proxy.wire.path_table import (
    ENDPOINTS,
    FAMILIES,
    GEMINI,
    GEMINI_VERSION,
    INPUT_TOKENS,
    OTHER,
    Endpoint,
    api,
    endpoint,
)

# Paths that Sluice answers itself.
HELLO = "api/hello"  # with which Claude Code tries whether Anthropic can be reached
USAGE = "sluice/usage"  # what a key has spent
HELP = "help"  # what each error means; errors refer to it
DOCUMENTS = ("llms.txt", "llms-full.txt")  # this project's documents, for language models (llmstxt.org)
LOCAL_PATHS = frozenset({"", "healthz", "readyz", "metrics", HELP, *DOCUMENTS, HELLO, INPUT_TOKENS, USAGE})
# Where apps look for a key's balance. With a server-held key Sluice answers these; they open nothing else below them.
BILLING_PATHS = frozenset(f"dashboard/billing/{name}" for name in ("subscription", "usage", "credit_grants"))
# Where Claude Code sends its telemetry and looks for its user's account (seen with 2.1.332).
_TELEMETRY = re.compile(r"api/(?:claude|event_logging|oauth|web)")
# Prefixes that gateways and other proxies put before /v1. After one of these any path is relayed.
_STAGES = frozenset("release prepub test prod dev stage staging default $default".split())
# Calls whose URL people paste as a base URL. A client then appends its own path.
_ENDPOINTS = tuple(row.path for row in ENDPOINTS)
# Paths below an endpoint that begin like another family but belong to the endpoint.
_SUBRESOURCES = frozenset({("messages", "batches")})
# The last segments of providers' base URLs other than v1: Volcengine, Zhipu, Qianfan, Gemini, Vertex, Azure.
_BASE_ENDS = re.compile(r"v[2-9]|openai|openapi", re.IGNORECASE)
# In characters; no path of the API is as long. Servers accept megabytes, and the checks below are not linear.
MAX_PATH = 2_000
_QUERY = re.compile(r"[!-~]*")
# What a path may contain on the wire (RFC 3986 section 3.3). %00 to %1F and %7F break upstream servers.
_CLEAN = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%(?![01]|7[fF])[0-9A-Fa-f]{2})*")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
# Control characters, and overlong UTF-8 of two to four bytes, which can hide a dot.
_HIDDEN = re.compile(r"[\x00-\x1f\x7f\xc0\xc1]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]")
# Where a server that decodes a path twice could see a segment end.
_SEGMENT_ENDS = re.compile(r"[;?#]")
# Access rules, limits and moderation apply below these. A different spelling, which an upstream might take for the same
# path, must not bypass them.
_WATCHED = frozenset(path.partition("/")[0] for path in (*_ENDPOINTS, *BILLING_PATHS)) - {GEMINI_VERSION}
# Google's API: its versions, which all lead to the same one here, and the first segments after them.
_GEMINI_VERSIONS = (GEMINI_VERSION, "v1", "v1alpha")
_GEMINI_FAMILIES = frozenset(
    "batches cachedContents corpora fileSearchStores files models operations tunedModels".split()
)
_GOOGLE_HEADERS = ("x-goog-api-key", "x-goog-api-client")
# A path below these, with the method of a model: it tells v1 of Google's API from OpenAI's.
_GEMINI_CALL = re.compile(r"models/[^/:]+:[A-Za-z]+")
_GEMINI_METHODS = tuple(
    f":{row.path.rpartition(':')[2]}" for row in ENDPOINTS if row.path.startswith(f"{GEMINI_VERSION}/")
)
# Only one spelling of these paths is passed on: Google's servers decode them.
_GEMINI_CLEAN = re.compile(r"[A-Za-z0-9._~:@/-]+")


class Route:
    """What a path means. The routes of common paths are kept, so all that follows from one is worked out once.

    - `path`: what follows `/v1/`, percent-encoded as received; a path of Google's API begins with its version.
    - `own`: Sluice answers it and relays nothing.
    - `endpoint`: the row of the path; None if it is not inference.
    - `api`: the API that it belongs to; `protocol`: the name of the protocol that its streams follow.
    - `shown`: the path for the log.
    """

    __slots__ = ("api", "endpoint", "own", "path", "protocol", "shown")

    def __init__(self, path: str, own: bool) -> None:
        self.path = path
        self.own = own
        self.endpoint: Endpoint | None = endpoint(path)
        self.api = api(path)
        self.protocol = self.endpoint.protocol if self.endpoint else OTHER
        self.shown = f"/{path}" if own or self.api == GEMINI else f"/v1/{path}"


# Nearly all calls have one of a few paths. Errors are not cached.
@lru_cache(maxsize=64)
def normalise_path(path: str) -> Route:
    """The route for `path`. Raises BadRequest for a malformed or dangerous path, UnknownPath for any other."""
    if len(path) > MAX_PATH:
        raise BadRequest(f"The path is longer than {MAX_PATH} characters. Send a shorter one.", code="bad_path")
    if not _CLEAN.fullmatch(path):
        raise BadRequest("The path has invalid characters. Percent-encode them.", code="bad_path")
    segments = [segment for segment in path.split("/") if segment]
    if _climbs(path):
        raise BadRequest("The path contains . or .. segments. Send the resolved path.", code="bad_path")
    schemes = [i for i, segment in enumerate(segments) if segment.lower() in ("http:", "https:")]
    if schemes:  # a whole URL after ours: never call its host, only use its path
        segments = segments[schemes[-1] + 2 :]
    if (gemini := _gemini_path(segments)) is not None:
        return Route(gemini, own=False)
    segments = _below_v1(segments)
    while (rest := _after_endpoint(segments)) is not None:
        segments = rest
    normalised = "/".join(segments)
    plain = _lenient(normalised)
    if plain != normalised and plain.partition("/")[0] in _WATCHED:
        raise BadRequest(f"This path is spelled unusually. Send /v1/{plain} instead.", code="bad_path")
    return Route(normalised, normalised in LOCAL_PATHS)


def of_google(route: Route, names: Container[str]) -> Route:
    """The route of a call whose headers, by their `names`, say that it is one of Google's API.

    Its newer SDKs list models and files below `/v1`, as OpenAI's do.
    """
    family = route.path.partition("/")[0]
    if route.own or family not in _GEMINI_FAMILIES or not any(name in names for name in _GOOGLE_HEADERS):
        return route
    return Route(f"{GEMINI_VERSION}/{route.path}", own=False)


def _decoded(path: str) -> str:
    """`path` without percent-encoding, even if it was encoded several times."""
    while (decoded := _ENCODED.sub(lambda match: chr(int(match[1], 16)), path)) != path:
        path = decoded  # each round is shorter
    return path


def _lenient(path: str) -> str:
    """`path` as the most lenient server would read it: decoded, in lower case, without what follows a semicolon."""
    segments = re.split(r"[/\\]", _decoded(path).lower())
    ends = (_SEGMENT_ENDS.split(segment, maxsplit=1)[0].strip(" .") for segment in segments)
    return "/".join(segment for segment in ends if segment)


def _climbs(path: str) -> bool:
    """Whether an upstream could see `..` in `path`: decoded again, without a semicolon, or without spaces.

    models/..%2Ffiles and models/..;/files must not count as models.
    """
    path = _decoded(path)
    if _HIDDEN.search(path):
        return True
    segments = re.split(r"[/\\]", path)
    return any(_SEGMENT_ENDS.split(segment, maxsplit=1)[0].strip() in (".", "..") for segment in segments)


def check_query(query: str) -> None:
    """Raise BadRequest for a query that is not valid on the wire."""
    if not _QUERY.fullmatch(query):
        raise BadRequest("The query has invalid characters. Percent-encode them.", code="bad_query")


def _below_v1(segments: list[str]) -> list[str]:
    """`segments` without `/v1`, its prefix and its repetitions. Raises UnknownPath if the rest is not known either."""
    lowered = [segment.lower() for segment in segments]
    # Only what precedes the first known family is a prefix: a model or a file may itself be called v1.
    first = next((i for i, segment in enumerate(segments) if segment in FAMILIES), len(segments))
    at = lowered.index("v1") if "v1" in lowered else len(lowered)
    if at < first or (at < len(lowered) and at == 0):
        prefix, rest = lowered[:at], segments[at + 1 :]
        while rest and rest[0].lower() == "v1":
            rest = rest[1:]
        if all(segment in _STAGES for segment in prefix) or _is_known(rest):
            return rest
        raise UnknownPath
    if _TELEMETRY.match("/".join(segments)):
        raise Telemetry
    while segments and segments[0].lower() in _STAGES and segments[0] not in FAMILIES:
        segments = segments[1:]
    if not segments or _is_known(segments) or "/".join(segments) in LOCAL_PATHS:
        return segments
    return _after_base_path(segments)


def _is_known(segments: list[str]) -> bool:
    """Whether these, after any prefix and `/v1`, are a path of the API, of a key's balance or of what it has spent."""
    path = "/".join(segments)
    return path.partition("/")[0] in FAMILIES or path in BILLING_PATHS or path == USAGE


def _gemini_path(segments: list[str]) -> str | None:
    """The path of a call to Google's API, None for any other. Raises BadRequest for an unusual spelling of one."""
    for at, version in enumerate(segments):
        if version in FAMILIES:  # a model or a file may itself be called v1beta
            return None
        rest = segments[at + 1 :]
        if version.lower() not in _GEMINI_VERSIONS or not rest:
            continue
        path = "/".join(rest)
        family = re.split(r"[%:;]", rest[0])[0]
        if version.lower() == "v1":
            if not path.endswith(_GEMINI_METHODS) or not _GEMINI_CALL.fullmatch(path):
                continue
        elif family not in _GEMINI_FAMILIES:
            continue
        if not _GEMINI_CLEAN.fullmatch(path):
            plain = _decoded(path)
            raise BadRequest(
                f"This path is spelled unusually. Send /{GEMINI_VERSION}/{plain} instead, without percent-encoding.",
                code="bad_path",
            )
        return f"{GEMINI_VERSION}/{path}"
    return None


def _after_base_path(segments: list[str]) -> list[str]:
    """The call after a provider's base path, for clients of which only the host was replaced.

    Raises UnknownPath unless the call is inference or lists models: below these base paths providers also have calls
    that OpenAI's API does not have.
    """
    for at in range(1, len(segments)):
        if segments[at] in FAMILIES and _ends_base(segments[:at]):
            rest = call = segments[at:]
            while (appended := _after_endpoint(call)) is not None:
                call = appended
            if call[0] == "models" or endpoint("/".join(call)):
                return rest
            break
    raise UnknownPath


def _ends_base(prefix: list[str]) -> bool:
    """Whether `prefix` ends like a base URL: /api/v3, /api/paas/v4, /v1beta/openai, /openai/deployments/NAME."""
    is_deployment = len(prefix) > 2 and [segment.lower() for segment in prefix[-3:-1]] == ["openai", "deployments"]
    return is_deployment or _BASE_ENDS.fullmatch(prefix[-1]) is not None


def _after_endpoint(segments: list[str]) -> list[str] | None:
    """The path that a client appended to a call's whole URL; None if it appended nothing."""
    path = "/".join(segments)
    for pasted in _ENDPOINTS:
        if path.startswith(pasted + "/"):
            rest = segments[pasted.count("/") + 1 :]
            while rest and rest[0].lower() == "v1":
                rest = rest[1:]
            if rest and _is_known(rest) and (pasted, rest[0]) not in _SUBRESOURCES:
                return rest
    return None
