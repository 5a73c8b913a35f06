"""From the path that a caller sent to the path below `/v1` that it meant.

People paste every spelling of a base URL: with `/v1`, without, twice, behind a gateway's stage, or one call's whole
address. All of them reach the same place; what is none of them is refused here, so that bots' paths never go up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from proxy.errors import BadRequest, UnknownPath
from proxy.wire.path_table import ENDPOINTS, FAMILIES, INPUT_TOKENS, OTHER, endpoint

OWN = frozenset({"", "healthz", "readyz", INPUT_TOKENS})
# What gateways and other proxies put in front of /v1: behind these, as behind nothing, any path is relayed.
_STAGES = frozenset("release prepub test prod dev stage staging default $default".split())
# Calls whose address people paste as a base URL; a client then appends its own path to it.
_ENDPOINTS = tuple(one.path for one in ENDPOINTS)
# Paths below an endpoint that begin like another family, and are none of these.
_OF_ITS_OWN = frozenset({("messages", "batches")})
# How providers' base URLs end, other than with v1: Volcengine, Zhipu, Qianfan, Gemini, Vertex, Azure.
_BASE_ENDS = re.compile(r"v[2-9]|openai|openapi", re.IGNORECASE)
# No path of the API is as long. What follows looks at a path again and again, and servers take them of megabytes.
PATH_MOST = 2_000
_QUERY = re.compile(r"[!-~]*")
# Everything that a path may hold on the wire (RFC 3986 section 3.3); %00 to %1F and %7F break servers further up.
_CLEAN = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%(?![01]|7[fF])[0-9A-Fa-f]{2})*")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
# Control characters, and the bytes of overlong UTF-8, of two to four, in which a dot can hide.
_HIDDEN = re.compile(r"[\x00-\x1f\x7f\xc0\xc1]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]")
# Where a server that decodes a path once too often could see its segment end.
_SEGMENT_ENDS = re.compile(r"[;?#]")
# What is watched here (who may have it generated, how much of it, what it says) must not go up under another spelling,
# which a server further up might take for the same.
_WATCHED = frozenset(one.path.partition("/")[0] for one in ENDPOINTS)


@dataclass(frozen=True, slots=True)
class Route:
    """`path` is what follows `/v1/`, percent-encoded as it came; `own` tells our own pages from relayed calls."""

    path: str
    own: bool

    @property
    def protocol(self) -> str:
        """The name of the protocol that the path's streams follow."""
        row = endpoint(self.path)
        return row.protocol if row else OTHER


# Nearly every call has one of a few paths; those that are refused are looked at each time.
@lru_cache(maxsize=64)
def normalise_path(path: str) -> Route:
    """The route that `path` means. Raises BadRequest for a path no server should see, UnknownPath for a strange one."""
    if len(path) > PATH_MOST:
        raise BadRequest(f"The path is longer than {PATH_MOST} characters.", code="bad_path")
    if not _CLEAN.fullmatch(path):
        raise BadRequest("The path has characters that do not belong there. Percent-encode it.", code="bad_path")
    segments = [segment for segment in path.split("/") if segment]
    if _climbs(path):
        raise BadRequest("The path has . or .. in it. Write out the path that is meant.", code="bad_path")
    schemes = [i for i, segment in enumerate(segments) if segment.lower() in ("http:", "https:")]
    if schemes:  # a whole address behind ours: its host is not ours to call, its path says what is meant
        segments = segments[schemes[-1] + 2 :]
    segments = _below_v1(segments)
    while (rest := _behind_endpoint(segments)) is not None:
        segments = rest
    meant = "/".join(segments)
    plain = _as_others_read(meant)
    if plain != meant and plain.partition("/")[0] in _WATCHED:
        raise BadRequest(f"Write this path plainly: /v1/{plain}.", code="bad_path")
    return Route(meant, meant in OWN)


def _decoded(path: str) -> str:
    """Without percent-encoding, also where that was done several times."""
    while (decoded := _ENCODED.sub(lambda match: chr(int(match[1], 16)), path)) != path:
        path = decoded  # each round is shorter
    return path


def _as_others_read(path: str) -> str:
    """What the most generous server would take `path` for: decoded, in small letters, without what follows a ;."""
    segments = re.split(r"[/\\]", _decoded(path).lower())
    ends = (_SEGMENT_ENDS.split(segment, maxsplit=1)[0].strip(" .") for segment in segments)
    return "/".join(segment for segment in ends if segment)


def _climbs(path: str) -> bool:
    """Whether anybody further up could read `..` in it: decoded once more, or without a semicolon, or without spaces.

    models/..%2Ffiles and models/..;/files must not count as models.
    """
    path = _decoded(path)
    if _HIDDEN.search(path):
        return True
    segments = re.split(r"[/\\]", path)
    return any(_SEGMENT_ENDS.split(segment, maxsplit=1)[0].strip() in (".", "..") for segment in segments)


def check_query(query: str) -> None:
    """Raise BadRequest for a query that cannot stand on the wire as it is."""
    if not _QUERY.fullmatch(query):
        raise BadRequest("The query has characters that do not belong there. Percent-encode it.", code="bad_query")


def _below_v1(segments: list[str]) -> list[str]:
    """Without `/v1`, its prefix and its repetitions. Raises UnknownPath for what is neither below it nor known."""
    lowered = [segment.lower() for segment in segments]
    # Only what stands before the first known word is a prefix: a model or file may itself be called v1.
    first = next((i for i, segment in enumerate(segments) if segment in FAMILIES), len(segments))
    at = lowered.index("v1") if "v1" in lowered else len(lowered)
    if at < first or (at < len(lowered) and at == 0):
        prefix, rest = lowered[:at], segments[at + 1 :]
        while rest and rest[0].lower() == "v1":
            rest = rest[1:]
        if all(segment in _STAGES for segment in prefix) or (rest and rest[0] in FAMILIES):
            return rest
        raise UnknownPath
    while segments and segments[0].lower() in _STAGES and segments[0] not in FAMILIES:
        segments = segments[1:]
    if not segments or segments[0] in FAMILIES or "/".join(segments) in OWN:
        return segments
    return _behind_provider(segments)


def _behind_provider(segments: list[str]) -> list[str]:
    """The call behind a provider's own base path, kept by a client that only had its host replaced.

    Raises UnknownPath unless that is inference or the list of models: below these versions providers have other calls
    as well, which are not those of OpenAI.
    """
    for at in range(1, len(segments)):
        if segments[at] in FAMILIES and _ends_base(segments[:at]):
            rest = call = segments[at:]
            while (behind := _behind_endpoint(call)) is not None:
                call = behind
            if call[0] == "models" or endpoint("/".join(call)):
                return rest
            break
    raise UnknownPath


def _ends_base(prefix: list[str]) -> bool:
    """Whether a provider's base URL ends so: /api/v3, /api/paas/v4, /v1beta/openai, /openai/deployments/NAME."""
    is_deployment = len(prefix) > 2 and [one.lower() for one in prefix[-3:-1]] == ["openai", "deployments"]
    return is_deployment or _BASE_ENDS.fullmatch(prefix[-1]) is not None


def _behind_endpoint(segments: list[str]) -> list[str] | None:
    """What a client appended to one call's whole address, or None when nothing was."""
    path = "/".join(segments)
    for pasted in _ENDPOINTS:
        if path.startswith(pasted + "/"):
            rest = segments[pasted.count("/") + 1 :]
            while rest and rest[0].lower() == "v1":
                rest = rest[1:]
            if rest and rest[0] in FAMILIES and (pasted, rest[0]) not in _OF_ITS_OWN:
                return rest
    return None
