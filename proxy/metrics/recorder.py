"""Counts finished calls in metrics of the package prometheus_client, from the fields of their log lines.

Those hold no key, no prompt and no answer. What they may hold any number of is bounded here (labels.py).
"""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from proxy.metrics.labels import OTHER, LabelSets, Names, is_own_page, path_label, status_label

MAX_MODELS = 50
# Sets of labels of one process. So many fit into the files that several processes share (shared_files.py).
MAX_CALL_SETS, MAX_TIME_SETS, MAX_TOKEN_SETS, MAX_CODES, MAX_PATHS = 500, 100, 400, 100, 50
# Seconds. Answers take from a moment (embeddings) to many minutes (agents that think).
DURATION_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
FIRST_CHUNK_BUCKETS = (0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 25, 60, 120)
_TOKENS = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cached": "gen_ai.usage.cache_read.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
}
_GOOD_ENDINGS = frozenset(("complete", "client_disconnected", "handed_over"))
# No call has more of anything. A sum that has become infinite would never recover.
_MAX_AMOUNT = 1e15


class Recorder:
    """A host's observer that keeps metrics, in a registry of its own. Its methods are called in one thread."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry(auto_describe=False)
        self._running = Gauge(
            "sluice_calls_running", "Calls that are being relayed.", registry=own, multiprocess_mode="livesum"
        )
        calls = Counter("sluice_calls", "Finished calls.", ("path", "status", "ending", "upstream"), registry=own)
        duration = Histogram(
            "sluice_call_duration_seconds",
            "From a call's head to the last byte of its answer.",
            ("path", "upstream"),
            registry=own,
            buckets=DURATION_BUCKETS,
        )
        first_chunk = Histogram(
            "sluice_time_to_first_chunk_seconds",
            "From a call's head to the first bytes of its streamed answer.",
            ("path", "upstream"),
            registry=own,
            buckets=FIRST_CHUNK_BUCKETS,
        )
        bytes_in = Counter("sluice_request_bytes", "Bytes of requests' bodies.", ("path",), registry=own)
        bytes_out = Counter("sluice_response_bytes", "Bytes of answers' bodies.", ("path",), registry=own)
        tokens = Counter("sluice_tokens", "Tokens of finished calls.", ("kind", "model", "upstream"), registry=own)
        cost = Counter("sluice_cost_usd", "Cost of finished calls in dollars.", ("model", "upstream"), registry=own)
        refusals = Counter("sluice_refusals", "Calls that failed before any went upstream.", ("code",), registry=own)
        store = Counter("sluice_store_failures", "Calls for which the store failed.", ("reason",), registry=own)
        self._calls = LabelSets(calls, MAX_CALL_SETS)
        self._duration = LabelSets(duration, MAX_TIME_SETS)
        self._first_chunk = LabelSets(first_chunk, MAX_TIME_SETS)
        self._bytes_in = LabelSets(bytes_in, MAX_PATHS)
        self._bytes_out = LabelSets(bytes_out, MAX_PATHS)
        self._tokens = LabelSets(tokens, MAX_TOKEN_SETS)
        self._cost = LabelSets(cost, MAX_TOKEN_SETS)
        self._refusals = LabelSets(refusals, MAX_CODES)
        self._store_failures = LabelSets(store, MAX_CODES)
        self._models = Names(MAX_MODELS)

    def begun(self) -> None:
        """Count a running call."""
        self._running.inc()

    def finished(self, fields: dict[str, Any], was_running: bool) -> None:
        """Count a finished call. Pages of Sluice's own are left out: health checks would hide how calls go."""
        if was_running:
            self._running.dec()
        method, path = fields["method"], fields["path"]
        if is_own_page(method, path):
            return
        path = path_label(method, path)
        status, ending, upstream = fields["status"], fields["ending"], fields.get("upstream") or ""
        self._calls(path, status_label(status), ending, upstream).inc()
        if status >= 400 and not upstream and ending not in _GOOD_ENDINGS:
            self._refusals(ending).inc()
        if reason := fields.get("store_error"):
            self._store_failures(str(reason)).inc()
        self._duration(path, upstream).observe(fields["duration_ms"] / 1000)
        first_chunk = fields["gen_ai.response.time_to_first_chunk"]
        if fields["stream"] and upstream and first_chunk is not None:
            self._first_chunk(path, upstream).observe(first_chunk)
        _add(self._bytes_in(path), fields["bytes_in"])
        _add(self._bytes_out(path), fields["bytes_out"])
        self._spent(fields, upstream)

    def _spent(self, fields: dict[str, Any], upstream: str) -> None:
        """Count tokens and cost. Only a model that has used some takes one of the places for names."""
        counts = {kind: fields[name] for kind, name in _TOKENS.items() if fields.get(name)}
        cost = fields.get("cost_usd")
        if not counts and not cost:
            return
        model = self._models(fields.get("gen_ai.response.model") or fields.get("gen_ai.request.model") or OTHER)
        for kind, count in counts.items():
            _add(self._tokens(kind, model, upstream), count)
        _add(self._cost(model, upstream), cost)


def _add(counter: Counter, amount: float | None) -> None:
    """Add what is known and plausible."""
    if amount is not None and 0 < amount < _MAX_AMOUNT:
        counter.inc(amount)
