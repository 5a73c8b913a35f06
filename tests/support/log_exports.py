"""Sluice's log lines as platforms and tools hand them out, in the forms that their documentation shows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

Lines = list[str]


def fields(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The fields of a call's line, as proxy/log.py writes them; None leaves one out."""
    record = {
        "timestamp": "2026-11-27T04:52:46.558Z",
        "level": "info",
        "platform": "server",
        "request_id": f"sl_{number:024x}",
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
        "duration_ms": 2604.4,
        "stream": True,
        "key_id": "alice/3fa2c1",
        "ending": "complete",
        "gen_ai.request.model": "gpt-5.4-mini",
        "gen_ai.response.time_to_first_chunk": 0.3455,
        "upstream": "openai",
        "upstream_status": 200,
        "gen_ai.response.model": "gpt-5.4-mini-2026-03-17",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 51,
        "gen_ai.usage.cache_read.input_tokens": 256,
        "usage_source": "upstream",
        "cost_usd": 1.5e-05,
        "prices_date": "2026-11-24",
        **changes,
    }
    return {name: value for name, value in record.items() if value is not None}


def line(number: int = 1, **changes: Any) -> str:
    return json.dumps(fields(number, **changes))


EVENT = json.dumps(
    {"timestamp": "2026-11-27T04:52:40.000Z", "level": "warning", "platform": "server", "event": "configuration"}
)
START = "START RequestId: 8f507cfc-a697-4697-b07a-ac58fc914c95 Version: $LATEST\n"


def prefixed(prefix: str) -> Callable[[Lines], str]:
    return lambda lines: "".join(f"{prefix}{one}\n" for one in lines)


def per_line(wrap: Callable[[str], Any]) -> Callable[[Lines], str]:
    return lambda lines: "".join(json.dumps(wrap(one)) + "\n" for one in lines)


def filter_log_events(lines: Lines, indent: int | None = 4) -> str:
    """`aws logs filter-log-events --output json`."""
    events = [
        {
            "logStreamName": "2026/11/27/[$LATEST]3893",
            "timestamp": 1795755166558,
            "message": message,
            "ingestionTime": 1795755167000,
            "eventId": str(10**55 + position),
        }
        for position, message in enumerate([START, *(one + "\n" for one in lines)])
    ]
    return json.dumps({"events": events, "searchedLogStreams": []}, indent=indent) + "\n"


def aws_tail_json(lines: Lines) -> str:
    """`aws logs tail --format json`: the fields of a message over many lines, below its time and stream."""
    head = "2026-11-27T04:52:46.558000+00:00 2026/11/27/[$LATEST]3893 "
    return head + START + "".join(f"{head}\n{json.dumps(json.loads(one), indent=4)}\n" for one in lines)


def search_log(lines: Lines, as_fields: bool = False) -> str:
    """`tccli cls SearchLog`. CLS keeps the values of fields as texts."""
    results = []
    for one in lines:
        entry: dict[str, str] = {"SCF_FunctionName": "sluice", "SCF_RequestId": "ab", "SCF_Type": "Custom"}
        if as_fields:
            entry |= {
                name: value if isinstance(value, str) else json.dumps(value) for name, value in json.loads(one).items()
            }
        else:
            entry["SCF_Message"] = one
        log = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        results.append({"Time": 1795755166558, "TopicId": "1ae37c76", "LogJson": log})
    response = {"Context": "Y29u", "ListOver": True, "Analysis": False, "ColNames": None, "Results": results}
    return json.dumps({"Response": response}, indent=4) + "\n"


def csv_export(lines: Lines, as_fields: bool = False) -> str:
    """An export as CSV: the line in one cell, or each of its fields in a cell of its own."""
    out = io.StringIO()
    records = [json.loads(one) for one in lines]
    writer = csv.writer(out, lineterminator="\r\n")
    if as_fields:
        names = list(dict.fromkeys(name for record in records for name in record))
        writer.writerow(["__TIMESTAMP__", *names])
        for record in records:
            writer.writerow(["1795755166558", *(record.get(name, "") for name in names)])
    else:
        writer.writerow(["__TIMESTAMP__", "SCF_FunctionName", "SCF_Message"])
        for one in lines:
            writer.writerow(["1795755166558", "sluice", one])
    return "\ufeff" + out.getvalue()


def wrangler_tail(lines: Lines) -> str:
    """`wrangler tail --format json`: an object over many lines for each invocation."""
    return "".join(
        json.dumps(
            {
                "wallTime": 12,
                "truncated": False,
                "outcome": "ok",
                "scriptName": "sluice",
                "exceptions": [],
                "logs": [{"message": [one], "level": "log", "timestamp": 1795755166558}],
                "eventTimestamp": 1795755166000,
                "event": {"request": {"url": "https://sluice.you.workers.dev/v1/x", "method": "POST", "headers": {}}},
            },
            indent=2,
        )
        + "\n"
        for one in lines
    )


FORMATS: dict[str, Callable[[Lines], str]] = {
    "stdout": prefixed(""),
    "docker compose logs": prefixed("sluice-1  | "),
    "docker compose logs, coloured": prefixed("\x1b[36msluice-1  | \x1b[0m"),
    "docker logs --timestamps": prefixed("2026-11-27T04:52:46.558123456Z "),
    "docker json-file": per_line(lambda one: {"log": f"{one}\n", "stream": "stdout", "time": "2026-11-27T04:52:46Z"}),
    "journalctl -o short": prefixed("Nov 27 04:52:46 host sluice[4711]: "),
    "journalctl -o json": per_line(lambda one: {"__CURSOR": "s=1", "MESSAGE": one, "PRIORITY": "6", "_PID": "4711"}),
    "kubernetes node": prefixed("2026-11-27T04:52:46.558123456Z stdout F "),
    "a prefix with a quotation mark": prefixed('5" {app="sluice"} [info] '),
    "filter-log-events": filter_log_events,
    "filter-log-events on one line": lambda lines: filter_log_events(lines, None),
    "aws logs tail": prefixed("2026-11-27T04:52:46.558000+00:00 2026/11/27/[$LATEST]3893 "),
    "aws logs tail --format short": prefixed("2026-11-27T04:52:46 "),
    "aws logs tail --format json": aws_tail_json,
    "export to S3": prefixed("2026-11-27T04:52:46.558Z "),
    "Lambda's JSON, text": per_line(
        lambda one: {"timestamp": "2026-11-27T04:52:46Z", "level": "INFO", "message": one, "requestId": "8f50"}
    ),
    "Lambda's JSON, object": per_line(
        lambda one: {"timestamp": "2026-11-27T04:52:46Z", "level": "INFO", "message": json.loads(one)}
    ),
    "subscription filter": lambda lines: json.dumps(
        {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "3", "timestamp": 1, "message": one} for one in lines]}
    ),
    "SearchLog": search_log,
    "SearchLog with fields": lambda lines: search_log(lines, as_fields=True),
    "CLS export, JSON": per_line(lambda one: {"__TIMESTAMP__": "1795755166558", "SCF_Message": one}),
    "CLS export, CSV": csv_export,
    "CLS export, CSV with fields": lambda lines: csv_export(lines, as_fields=True),
    "wrangler tail": wrangler_tail,
    "Logpush": per_line(lambda one: {"Outcome": "ok", "Logs": [{"Level": "log", "Message": [one], "TimestampMs": 1}]}),
    "Workers Logs": lambda lines: json.dumps(
        {"result": {"events": {"events": [{"source": json.loads(one), "$metadata": {"id": "1"}} for one in lines]}}}
    ),
    "sorted by another program": lambda lines: (
        json.dumps([json.loads(one) for one in lines], sort_keys=True, indent=2) + "\n"
    ),
}
