"""The log: one flat JSON line per call, with lengths, counts, durations and ids. Never a key, a prompt or an answer."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

from proxy.access import auth, redaction
from proxy.call import Call, Outcome
from proxy.host import Host

_METHOD = re.compile(r"[A-Za-z]{1,20}")
_NAME = re.compile(r"[A-Za-z0-9._:/@+-]{1,100}")
HANDED_OVER = "handed_over"
_ENCODER = json.JSONEncoder(check_circular=False)
_LEVELS = {level: rank for rank, level in enumerate(("debug", "info", "warning", "error", "off"))}


def line(host: Host, min_level: str, level: str, fields: dict[str, Any]) -> None:
    """Write one line, unless `level` is below `min_level` (LOG_LEVEL). Fields that are None are left out."""
    if _is_enabled(level, min_level):
        _write(host, level, fields, host.clock.wall())


def _write(host: Host, level: str, fields: dict[str, Any], wall: float) -> None:
    record = {"timestamp": timestamp(wall), "level": level, "platform": host.platform}
    record.update([field for field in fields.items() if field[1] is not None])
    text = _ENCODER.encode(record)
    try:
        host.write(text)
    except (OSError, ValueError):
        # A full disk or a closed pipe (`serve | head`) must not cost a caller an answer that has been paid for.
        return


def begun(call: Call) -> None:
    """Tell the host's observer that a call, whose path is known, is going to be relayed."""
    observer = call.host.observer
    if observer is not None and call.is_relayed:
        try:
            observer.begun()
        except Exception:  # counting must never fail a call
            return


def finished(
    call: Call, status: int, bytes_out: int | None, ending: str, *, ttfb: float | None, first_chunk: float | None
) -> None:
    """Write the line of a finished call, and tell the host's observer of it.

    `ending` is complete, client_disconnected, handed_over (the platform sends the body itself, so its size is unknown)
    or an error's code. `ttfb` is the number of seconds to the reply's head, `first_chunk` to its first bytes.
    """
    has_failed = status >= 500 or ending not in ("complete", "client_disconnected", HANDED_OVER)
    has_failed = has_failed and not call.outcome.is_expected
    level = "error" if status >= 500 else "warning" if has_failed else "info"
    is_written, observer = _is_enabled(level, call.config.log_level), call.host.observer
    if not is_written and observer is None:
        return
    times, wall = _Times(call.elapsed(), ttfb, first_chunk), call.host.clock.wall()

    def report() -> None:
        fields = _finished(call, status, bytes_out, ending, times)
        if is_written:
            _write(call.host, level, fields, wall)
        if observer is None:
            return
        try:
            observer.finished(fields, call.is_relayed)
        except Exception:  # counting must never fail a call
            return

    call.host.defer(report)


class _Times(NamedTuple):
    """Seconds since the call came in: to its end, to the reply's head, to its first bytes."""

    end: float
    head: float | None
    first_chunk: float | None


def _finished(call: Call, status: int, bytes_out: int | None, ending: str, times: _Times) -> dict[str, Any]:
    """Return the fields of a finished call."""
    request, secrets = call.request, _secrets(call)
    record: dict[str, Any] = {
        "request_id": call.id,
        "method": request.method if _METHOD.fullmatch(request.method) else "*",
        "path": _path(call, secrets),
        "status": status,
        "duration_ms": _ms(times.end),
        "ttfb_ms": _ms(times.head),
        "stream": call.streamed,
        "bytes_in": call.bytes_in,
        "bytes_out": bytes_out,
        "cold_start": call.cold,
        "key_id": call.caller.id if call.caller else None,
        "ending": ending,
        "gen_ai.request.model": _safe_name(call.body.fields.get("model"), secrets),
        "gen_ai.response.time_to_first_chunk": None if times.first_chunk is None else round(times.first_chunk, 4),
    }
    _add_outcome(record, call.outcome, secrets)
    if "traceparent" in request.headers:
        from proxy.wire import trace_context  # few callers trace their calls

        record.update(_safe_trace(trace_context.read(request.headers), secrets))
    return record


def _safe_trace(ids: dict[str, str], secrets: set[str]) -> dict[str, str]:
    """Return the ids, or nothing if one is a key: `openssl rand -hex 16` prints what a trace's id looks like."""
    return {} if any(redaction.is_secret(value, secrets) for value in ids.values()) else ids


# Figures of the usage by the log's names, which are OpenTelemetry's where it defines any
# (opentelemetry.io/docs/specs/semconv/gen-ai, read 2026-11-23).
_USAGE_FIELDS = {
    "gen_ai.usage.input_tokens": "input",
    "gen_ai.usage.output_tokens": "output",
    "gen_ai.usage.cache_read.input_tokens": "cached",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write",
    "gen_ai.usage.reasoning.output_tokens": "reasoning",
    "audio_input_tokens": "audio_input",
    "audio_output_tokens": "audio_output",
    "service_tier": "tier",
    "usage_source": "source",
}


def _add_outcome(record: dict[str, Any], outcome: Outcome, secrets: set[str]) -> None:
    if outcome.target is not None:
        record["upstream"] = _clean(outcome.target.name, secrets)
        record["upstream_status"] = outcome.upstream_status
        # The upstream chooses this id. A hostile or careless one may put a caller's text into it.
        record["upstream_request_id"] = _safe_name(outcome.upstream_request_id, secrets)
    if outcome.attempts:
        record["attempts"] = _clean(", ".join(outcome.attempts), secrets)
    record["gen_ai.response.model"] = _safe_name(outcome.model, secrets)
    for name, attribute in _USAGE_FIELDS.items():
        record[name] = getattr(outcome.usage, attribute)
    record["cost_usd"], record["prices_date"] = outcome.cost_usd, outcome.prices_date
    for name, value in outcome.details.items():
        record[name] = _clean(value, secrets)


def model(call: Call) -> str | None:
    """The model that answered, or else the one that was asked for; None if neither looks like a model's name."""
    secrets = _secrets(call)
    return _safe_name(call.outcome.model, secrets) or _safe_name(call.body.fields.get("model"), secrets)


def _is_enabled(level: str, min_level: str) -> bool:
    return _LEVELS[level] >= _LEVELS[min_level]


def _safe_name(value: Any, secrets: set[str]) -> str | None:
    """Return a model or an id if it looks like one. A prompt or a key in its place must not be logged."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or redaction.is_secret(value, secrets):
        return None
    return value


def _clean(value: Any, secrets: set[str]) -> Any:
    return redaction.redact_whole(value, secrets) if isinstance(value, str) else value


def _path(call: Call, secrets: set[str]) -> str:
    """Return the path with `*` for each segment that is a secret: some users paste a key into a base URL."""
    path = call.shown_path
    parts = path.split("/")
    if secrets.isdisjoint(parts) and not redaction.is_secret(path, secrets):
        return path
    return "/".join("*" if redaction.is_secret(part, secrets) else part for part in parts)


def _secrets(call: Call) -> set[str]:
    """Return the server's keys and the caller's, even if the caller was rejected."""
    sent_keys = auth.credential(call.request.headers).split(":")
    # Where keys are not checked, callers send any word as one, and short words occur in every line.
    caller_keys = (key for key in sent_keys if len(key) >= redaction.MIN_LENGTH)
    return {*call.config.secrets, *caller_keys}


def _ms(seconds: float | None) -> float | None:
    return round(seconds * 1000, 1) if seconds is not None else None


def timestamp(wall: float) -> str:
    """Return Unix time as ISO 8601 in UTC, with milliseconds."""
    return f"{_second(int(wall))}.{int(wall % 1 * 1000):03d}Z"


@lru_cache(maxsize=1)
def _second(wall: int) -> str:
    from time import gmtime, strftime

    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(wall))


def crashed(call: Call, error: Exception) -> None:
    """Write where Sluice's own code failed, without the exception's message, which may quote a prompt or a key."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename.rpartition('/')[2]}:{frame.tb_lineno}" if frame else None
    fields = {"request_id": call.id, "event": "crash", "exception": type(error).__name__, "place": place}
    line(call.host, call.config.log_level, "error", fields)
