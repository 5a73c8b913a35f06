"""The log: one flat JSON line a call. Lengths, counts, durations and ids; never a key, a prompt or an answer."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from proxy.access import auth, redaction
from proxy.call import Call
from proxy.host import Host

_METHOD = re.compile(r"[A-Za-z]{1,20}")
_MODEL = re.compile(r"[A-Za-z0-9._:/@+-]{1,100}")
HANDED_OVER = "handed_over"
_LEVELS = ("debug", "info", "warning", "error", "off")


def line(host: Host, least: str, level: str, fields: dict[str, Any]) -> None:
    """Write one line, unless `level` is below `least` (LOG_LEVEL). Fields that are None are left out."""
    if not _wanted(level, least):
        return
    record = {"timestamp": timestamp(host.clock.wall()), "level": level, "platform": host.platform, **fields}
    told = json.dumps({name: value for name, value in record.items() if value is not None})
    # A full disk or a reader that has gone (`serve | head`) must not cost a caller the answer that is paid for.
    with suppress(OSError, ValueError):
        host.write(told)


def finished(
    call: Call, status: int, bytes_out: int | None, ending: str, *, ttfb: float | None, first_chunk: float | None
) -> None:
    """Write the line of a call that is over. `ending` says how: complete, client_disconnected, or an error's code.

    handed_over: the platform carries the answer's body to its end, and nobody here sees how many bytes that were.

    `ttfb` is the number of seconds until the reply's head, `first_chunk` until its first bytes.
    """
    failed = status >= 500 or ending not in ("complete", "client_disconnected", HANDED_OVER)
    level = "error" if status >= 500 else "warning" if failed else "info"
    if not _wanted(level, call.config.log_level):
        return
    request = call.request
    secrets = _secrets(call)
    line(
        call.host,
        call.config.log_level,
        level,
        {
            "request_id": call.id,
            "method": request.method if _METHOD.fullmatch(request.method) else "*",
            "path": _path(call, secrets),
            "status": status,
            "duration_ms": _ms(call.elapsed()),
            "ttfb_ms": _ms(ttfb),
            "stream": call.streamed,
            "bytes_in": call.bytes_in,
            "bytes_out": bytes_out,
            "cold_start": call.cold,
            "key_id": call.caller.id if call.caller else None,
            "ending": ending,
            "gen_ai.request.model": _name(call.body.fields.get("model"), secrets),
            "gen_ai.response.time_to_first_chunk": round(first_chunk, 4) if first_chunk is not None else None,
            **_outcome(call, secrets),
        },
    )


def _outcome(call: Call, secrets: set[str]) -> dict[str, Any]:
    """What happened, in the log's names; OpenTelemetry's where it has some (opentelemetry.io/docs/specs/semconv/gen-ai,
    read 2026-11-23).
    """
    outcome, usage = call.outcome, call.outcome.usage
    attempts = ", ".join(outcome.attempts)
    return {
        "upstream": _clean(outcome.target.name, secrets) if outcome.target else None,
        "upstream_status": outcome.upstream_status,
        # What an upstream says by itself: one that is hostile, or only careless, may put a caller's words into it.
        "upstream_request_id": _name(outcome.upstream_request_id, secrets),
        "attempts": _clean(attempts, secrets) or None,
        "gen_ai.response.model": _name(outcome.model, secrets),
        "gen_ai.usage.input_tokens": usage.input,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.cache_read.input_tokens": usage.cached,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        "audio_input_tokens": usage.audio_input,
        "audio_output_tokens": usage.audio_output,
        "usage_source": usage.source,
        "cost_usd": outcome.cost_usd,
        "prices_date": outcome.prices_date,
        **{name: _clean(value, secrets) for name, value in outcome.details.items()},
    }


def _wanted(level: str, least: str) -> bool:
    return _LEVELS.index(level) >= _LEVELS.index(least)


def _name(value: Any, secrets: set[str]) -> str | None:
    """A model or an id, if it looks like one: a prompt or a key in the wrong place must not be logged."""
    if not isinstance(value, str) or not _MODEL.fullmatch(value) or redaction.is_secret(value, secrets):
        return None
    return value


def _clean(value: Any, secrets: set[str]) -> Any:
    return redaction.redact_whole(value, secrets) if isinstance(value, str) else value


def _path(call: Call, secrets: set[str]) -> str:
    """The path, with a star for each segment that is a key: some paste theirs into a base URL."""
    return "/".join("*" if redaction.is_secret(part, secrets) else part for part in call.shown_path.split("/"))


def _secrets(call: Call) -> set[str]:
    """The server's keys and the caller's, also of one that was not let in."""
    sent = auth.credential(call.request.headers).split(":")
    own = (key for key in sent if len(key) >= redaction.MIN_LENGTH)  # any word at all does where nobody looks at it
    return {*call.config.secrets, *own}


def _ms(seconds: float | None) -> float | None:
    return round(seconds * 1000, 1) if seconds is not None else None


def timestamp(wall: float) -> str:
    """ISO 8601 in UTC, with milliseconds."""
    from time import gmtime, strftime

    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(wall))}.{int(wall % 1 * 1000):03d}Z"


def crashed(call: Call, error: Exception) -> None:
    """Write where our own code failed. Not the exception's text: it may quote what was being handled."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = f"{at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno}" if at else None
    fields = {"request_id": call.id, "event": "crash", "exception": type(error).__name__, "place": place}
    line(call.host, call.config.log_level, "error", fields)
