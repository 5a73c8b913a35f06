"""The table of platform limits: data, so that messages, documents and checks quote the same number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one door of one platform.

    `number` counts `unit`s (bytes, seconds or calls). `hard` tells a limit that nobody can move from a default that a
    setting changes. `answer` is what the caller meets when the limit is passed, `source` the page that says so and
    `read` the date on which we read it (ISO 8601).
    """

    platform: str
    door: str
    what: str
    number: float
    unit: str
    hard: bool
    answer: str
    source: str
    read: str


LIMITS: tuple[Limit, ...] = (
    Limit("server", "http", "request body", 100_000_000, "bytes", False, "413 body_too_large",
          "docs/configuration.md, MAX_BODY_MB", "2026-11-23"),
    Limit("server", "http", "upstream silence", 600, "seconds", False, "504 upstream_timeout",
          "docs/configuration.md, TIMEOUT_SECONDS", "2026-11-23"),
    Limit("tencent", "web function", "request body", 6_000_000, "bytes", True, "406 from the platform",
          "cloud.tencent.com/document/product/583/11637", "2026-11-23"),
    Limit("tencent", "web function", "response headers", 4_096, "bytes", True, "the platform's own error",
          "cloud.tencent.com/document/product/583/56124", "2026-11-23"),
    Limit("tencent", "event function", "request body", 6_000_000, "bytes", True, "406 from the platform",
          "cloud.tencent.com/document/product/583/11637", "2026-11-23"),
    Limit("tencent", "event function", "response body", 6_000_000, "bytes", True, "407 from the platform",
          "cloud.tencent.com/document/product/583/11637", "2026-11-23"),
    Limit("tencent", "upload", "unpacked bundle", 500_000_000, "bytes", True, "the upload is refused",
          "cloud.tencent.com/document/product/583/11637", "2026-11-23"),
    Limit("aws", "function URL", "request body", 6_000_000, "bytes", True, "413 from the platform",
          "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html", "2026-11-23"),
    Limit("aws", "function URL", "response body", 6_291_556, "bytes", True, "502, and the runtime exits",
          "AWS's Runtime Interface Emulator, Function.ResponseSizeTooLarge", "2026-11-23"),
    Limit("aws", "function URL", "streamed response", 200_000_000, "bytes", True, "the stream is cut",
          "docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html", "2026-11-23"),
    Limit("aws", "HTTP API", "request body", 6_000_000, "bytes", True, "413 from the platform",
          "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html", "2026-11-23"),
    Limit("aws", "HTTP API", "response body", 6_291_556, "bytes", True, "500 from the gateway",
          "AWS's Runtime Interface Emulator, Function.ResponseSizeTooLarge", "2026-11-23"),
    Limit("aws", "HTTP API", "time-out", 30, "seconds", True, "503 from the gateway",
          "docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html", "2026-11-23"),
    Limit("aws", "REST API", "request body", 6_000_000, "bytes", True, "413 from the platform",
          "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html", "2026-11-23"),
    Limit("aws", "REST API", "response body", 6_291_556, "bytes", True, "502 from the gateway",
          "AWS's Runtime Interface Emulator, Function.ResponseSizeTooLarge", "2026-11-23"),
    Limit("aws", "REST API", "time-out", 29, "seconds", False, "504 from the gateway",
          "docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html",
          "2026-11-23"),
    Limit("aws", "function URL", "binary body", 4_500_000, "bytes", True, "413 from the platform",
          "6 MB less base64's third", "2026-11-23"),
    Limit("aws", "function URL", "time-out", 900, "seconds", True, "the function is stopped",
          "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html", "2026-11-23"),
    Limit("aws", "HTTP API", "payload", 10_000_000, "bytes", True, "413 from the gateway",
          "docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html", "2026-11-23"),
    Limit("aws", "REST API", "payload", 10_000_000, "bytes", True, "413 from the gateway",
          "docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html",
          "2026-11-23"),
    Limit("aws", "REST API stream", "time-out", 900, "seconds", True, "the stream is cut",
          "docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html", "2026-11-23"),
    Limit("aws", "REST API stream", "silence", 300, "seconds", True, "the stream is cut; 30 s on edge endpoints",
          "docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html", "2026-11-23"),
    Limit("aws", "REST API stream", "full speed", 10_000_000, "bytes", True, "2 MB/s from there on",
          "docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html", "2026-11-23"),
    Limit("aws", "ALB", "request body", 1_000_000, "bytes", True, "413 from the load balancer",
          "docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html", "2026-11-23"),
    Limit("aws", "ALB", "response body", 1_000_000, "bytes", True, "502 from the load balancer",
          "docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html", "2026-11-23"),
    Limit("cloudflare", "Worker", "request body", 100_000_000, "bytes", False, "413 from the platform; Free and Pro",
          "developers.cloudflare.com/workers/platform/limits/", "2026-11-24"),
    Limit("cloudflare", "Worker", "request body read", 20_000_000, "bytes", True, "413 body_too_large",
          "docs/deploy-cloudflare.md: three copies of it must fit into the memory", "2026-11-24"),
    Limit("cloudflare", "Worker", "memory", 128_000_000, "bytes", True, "the isolate is stopped",
          "developers.cloudflare.com/workers/platform/limits/", "2026-11-24"),
    Limit("cloudflare", "Worker (free)", "CPU time a call", 0.01, "seconds", True, "error 1102",
          "developers.cloudflare.com/workers/platform/limits/", "2026-11-24"),
    Limit("cloudflare", "Worker (paid)", "CPU time a call", 30, "seconds", False, "error 1102; up to 300 s can be set",
          "developers.cloudflare.com/workers/platform/limits/", "2026-11-24"),
    Limit("cloudflare", "Worker (free)", "calls a day", 100_000, "calls", True, "error 1027",
          "developers.cloudflare.com/workers/platform/limits/", "2026-11-24"),
    Limit("cloudflare", "upload", "Worker", 3_000_000, "bytes", True, "the upload is refused",
          "developers.cloudflare.com/workers/platform/limits/: 64 MB; older pages 3 MB, which is kept", "2026-11-24"),
    Limit("aws", "upload", "zip", 50_000_000, "bytes", True, "the upload is refused",
          "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html", "2026-11-23"),
    Limit("aws", "upload", "unpacked bundle", 250_000_000, "bytes", True, "the upload is refused",
          "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html", "2026-11-23"),
)  # fmt: skip


def number(platform: str, door: str, what: str) -> float:
    """The number of the one row that fits. Raises KeyError when there is none."""
    for row in LIMITS:
        if (row.platform, row.door, row.what) == (platform, door, what):
            return row.number
    raise KeyError((platform, door, what))
