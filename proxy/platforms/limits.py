"""The table of platform limits: data, so that messages, documents and checks quote the same number."""

from __future__ import annotations

from typing import NamedTuple


class Limit(NamedTuple):
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


# Pages that several rows name.
_SCF = "cloud.tencent.com/document/product/583/11637"
_FC = "help.aliyun.com/zh/functioncompute/product-overview/limits-of-usage"
_FC_WEB = "help.aliyun.com/en/functioncompute/web-functions"
_FC_API = "PyPI alibabacloud-fc20230330 4.8.3, CreateFunctionInput"
_BEGIN = "docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"
_LAMBDA = "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_RIE = "AWS's Runtime Interface Emulator, Function.ResponseSizeTooLarge"
_STREAMED = "docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html"
_HTTP = "docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"
_REST = "docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"
_TRANSFER = "docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html"
_ALB = "docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html"
_WORKERS = "developers.cloudflare.com/workers/platform/limits/"
_VERCEL = "vercel.com/docs/functions/limitations"
_VERCEL_TIME = "vercel.com/docs/functions/configuring-functions/duration"
_AZURE = "learn.microsoft.com/azure/azure-functions/functions-scale"
_RUN = "docs.cloud.google.com/run/quotas"
_EDGEONE = "github.com/TencentEdgeOne/edgeone-pages-skills, skills/edgeone-pages-dev/SKILL.md"
_RUN_TIME = "docs.cloud.google.com/run/docs/configuring/request-timeout"
_READ, _READ_LATER, _READ_FC = "2026-11-23", "2026-11-24", "2026-11-27"

LIMITS: tuple[Limit, ...] = (
    Limit("server", "http", "request body", 100_000_000, "bytes", False, "413 body_too_large",
          "docs/configuration.md, MAX_BODY_MB", _READ),
    Limit("server", "http", "request headers", 65_536, "bytes", True, "431 headers_too_large", "docs/security.md",
          "2026-11-26"),
    Limit("server", "http", "upstream silence", 600, "seconds", False, "504 upstream_timeout",
          "docs/configuration.md, TIMEOUT_SECONDS", _READ),
    Limit("tencent", "web function", "request body", 6_000_000, "bytes", True, "406 from the platform", _SCF, _READ),
    Limit("tencent", "web function", "response body, not streamed", 6_000_000, "bytes", True, "407 from the platform",
          _SCF, _READ),
    Limit("tencent", "web function", "response headers", 4_096, "bytes", True, "the platform's own error",
          "cloud.tencent.com/document/product/583/56124", _READ),
    Limit("tencent", "web function", "time-out", 3, "seconds", False, "433 from the platform", _SCF, _READ),
    Limit("tencent", "web function", "longest time-out", 900, "seconds", True, "433 from the platform", _SCF, _READ),
    Limit("tencent", "web function", "start-up", 65, "seconds", False, "not documented", _SCF, _READ),
    Limit("tencent", "web function", "start-up, set by the scf tool", 3, "seconds", False,
          "not documented", _SCF, _READ),
    Limit("tencent", "web function", "most memory", 3_072_000_000, "bytes", True, "434 from the platform", _SCF, _READ),
    Limit("tencent", "web function", "calls at once in an instance", 100, "calls", True, "429 or 432 from the platform",
          "cloud.tencent.com/document/product/583/47183", _READ),
    Limit("tencent", "event function", "request body", 6_000_000, "bytes", True, "406 from the platform", _SCF, _READ),
    Limit("tencent", "event function", "response body", 6_000_000, "bytes", True, "407 from the platform", _SCF, _READ),
    Limit("tencent", "event function", "time-out", 3, "seconds", False, "433 from the platform", _SCF, _READ),
    Limit("tencent", "event function", "longest time-out", 900, "seconds", True, "433 from the platform", _SCF, _READ),
    Limit("tencent", "event function", "start-up", 65, "seconds", False, "not documented", _SCF, _READ),
    Limit("tencent", "event function", "start-up, set by the scf tool", 3, "seconds", False,
          "not documented", _SCF, _READ),
    Limit("tencent", "event function", "most memory", 3_072_000_000, "bytes", True,
          "434 from the platform", _SCF, _READ),
    Limit("tencent", "event function", "calls at once in an instance", 1, "calls", True,
          "429 or 432 from the platform", "cloud.tencent.com/document/product/583/73483", _READ),
    Limit("tencent", "upload", "unpacked bundle", 500_000_000, "bytes", True, "the upload is refused", _SCF, _READ),
    Limit("tencent", "upload", "environment", 4_096, "bytes", True, "the upload is refused", _SCF, _READ),
    Limit("tencent", "upload", "name or value of a variable", 64, "bytes", True,
          "may be refused; longer ones are in use", "cloud.tencent.com/document/product/583/32748", _READ),
    Limit("aliyun", "web function", "request body", 32_000_000, "bytes", True, "400 from the platform",
          _FC_WEB, _READ_FC),
    Limit("aliyun", "web function", "request headers", 8_192, "bytes", True, "400 from the platform",
          _FC_WEB, _READ_FC),
    Limit("aliyun", "web function", "path and query", 4_096, "bytes", True, "400 from the platform",
          _FC_WEB, _READ_FC),
    Limit("aliyun", "web function", "response headers", 8_192, "bytes", True, "502 from the platform",
          _FC_WEB, _READ_FC),
    Limit("aliyun", "web function", "time-out", 3, "seconds", False, "the function is stopped", _FC_API, _READ_FC),
    Limit("aliyun", "web function", "time-out, set by the console", 60, "seconds", False, "the function is stopped",
          "help.aliyun.com/zh/functioncompute/user-guide/manage-functions", _READ_FC),
    Limit("aliyun", "web function", "longest time-out", 86_400, "seconds", True, "the function is stopped",
          _FC_API, _READ_FC),
    Limit("aliyun", "web function", "start-up", 120, "seconds", True, "the platform's own error",
          "alibabacloud.com/help/en/functioncompute/fc/principles-1", _READ_FC),
    Limit("aliyun", "web function", "calls at once in an instance", 100, "calls", True, "another instance starts",
          "github.com/devsapp/fc3, docs/zh/yaml/readme.md", _READ_FC),
    Limit("aliyun", "upload", "zip", 500_000_000, "bytes", False, "the upload is refused", _FC, _READ_FC),
    Limit("aliyun", "upload", "environment", 4_096, "bytes", True, "the upload is refused",
          "alibabacloud.com/help/en/functioncompute/fc/environment-variables", _READ_FC),
    Limit("aws", "every door", "start-up", 10, "seconds", True, "it starts once more, within the call's own time",
          _BEGIN, _READ_LATER),
    Limit("aws", "every door", "time-out", 3, "seconds", False, "the function is stopped", _LAMBDA, _READ),
    Limit("aws", "function URL", "request body", 6_000_000, "bytes", True, "413 from the platform", _LAMBDA, _READ),
    Limit("aws", "function URL", "binary body", 4_500_000, "bytes", True, "413 from the platform",
          "6 MB less base64's third", _READ),
    Limit("aws", "function URL", "response body", 6_291_556, "bytes", True, "502, and the runtime exits", _RIE, _READ),
    Limit("aws", "function URL", "time-out", 3, "seconds", False, "the function is stopped", _LAMBDA, _READ),
    Limit("aws", "function URL", "longest time-out", 900, "seconds", True, "the function is stopped", _LAMBDA, _READ),
    Limit("aws", "function URL stream", "request body", 6_000_000, "bytes", True, "413 from the platform",
          _LAMBDA, _READ),
    Limit("aws", "function URL stream", "streamed response", 200_000_000, "bytes", True, "the stream is cut",
          _STREAMED, _READ),
    Limit("aws", "function URL stream", "full speed", 6_000_000, "bytes", True, "2 MB/s from there on",
          _STREAMED, _READ),
    Limit("aws", "function URL stream", "longest time-out", 900, "seconds", True, "the stream is cut", _LAMBDA, _READ),
    Limit("aws", "HTTP API", "request body", 6_000_000, "bytes", True, "413 from the platform", _LAMBDA, _READ),
    Limit("aws", "HTTP API", "response body", 6_291_556, "bytes", True, "500 from the gateway", _RIE, _READ),
    Limit("aws", "HTTP API", "payload", 10_000_000, "bytes", True, "413 from the gateway", _HTTP, _READ),
    Limit("aws", "HTTP API", "time-out", 30, "seconds", True, "503 from the gateway", _HTTP, _READ),
    Limit("aws", "REST API", "request body", 6_000_000, "bytes", True, "413 from the platform", _LAMBDA, _READ),
    Limit("aws", "REST API", "response body", 6_291_556, "bytes", True, "502 from the gateway", _RIE, _READ),
    Limit("aws", "REST API", "payload", 10_000_000, "bytes", True, "413 from the gateway", _REST, _READ),
    Limit("aws", "REST API", "time-out", 29, "seconds", False,
          "504 from the gateway; edge endpoints cannot raise it", _REST, _READ),
    Limit("aws", "REST API stream", "request body", 6_000_000, "bytes", True, "413 from the platform", _LAMBDA, _READ),
    Limit("aws", "REST API stream", "time-out", 900, "seconds", True, "the stream is cut", _TRANSFER, _READ),
    Limit("aws", "REST API stream", "silence", 300, "seconds", True, "the stream is cut", _TRANSFER, _READ),
    Limit("aws", "REST API stream", "silence, edge endpoint", 30, "seconds", True, "the stream is cut",
          _TRANSFER, _READ),
    Limit("aws", "REST API stream", "full speed", 10_000_000, "bytes", True, "2 MB/s from there on", _TRANSFER, _READ),
    Limit("aws", "ALB", "request body", 1_000_000, "bytes", True, "413 from the load balancer", _ALB, _READ),
    Limit("aws", "ALB", "response body", 1_000_000, "bytes", True, "502 from the load balancer", _ALB, _READ),
    Limit("aws", "ALB", "longest time-out", 900, "seconds", True, "the function is stopped", _LAMBDA, _READ),
    Limit("aws", "upload", "zip", 50_000_000, "bytes", True, "the upload is refused", _LAMBDA, _READ),
    Limit("aws", "upload", "unpacked bundle", 250_000_000, "bytes", True, "the upload is refused", _LAMBDA, _READ),
    Limit("aws", "upload", "environment", 4_096, "bytes", True, "the upload is refused", _LAMBDA, _READ),
    Limit("cloudflare", "Worker", "request body", 100_000_000, "bytes", False, "413 from the platform; Free and Pro",
          _WORKERS, _READ_LATER),
    Limit("cloudflare", "Worker", "request body read", 20_000_000, "bytes", True, "413 body_too_large",
          "docs/deploy-cloudflare.md: three copies of it must fit into the memory", _READ_LATER),
    Limit("cloudflare", "Worker", "memory", 128_000_000, "bytes", True, "the isolate is stopped",
          _WORKERS, _READ_LATER),
    Limit("cloudflare", "Worker", "start-up", 1, "seconds", True, "the upload is refused", _WORKERS, _READ_LATER),
    Limit("cloudflare", "Worker", "upstream connections at once", 6, "calls", True, "the next one waits",
          _WORKERS, _READ_LATER),
    Limit("cloudflare", "Worker", "work after the answer", 30, "seconds", True, "it is cancelled",
          _WORKERS, _READ_LATER),
    Limit("cloudflare", "Worker (free)", "CPU time a call", 0.01, "seconds", True, "error 1102",
          _WORKERS, _READ_LATER),
    Limit("cloudflare", "Worker (free)", "calls a day", 100_000, "calls", True, "error 1027", _WORKERS, _READ_LATER),
    Limit("cloudflare", "Worker (free)", "upstream calls a call", 50, "calls", True, "an error of fetch",
          _WORKERS, _READ_LATER),
    Limit("cloudflare", "Worker (paid)", "CPU time a call", 30, "seconds", False, "error 1102", _WORKERS, _READ_LATER),
    Limit("cloudflare", "Worker (paid)", "longest CPU time a call", 300, "seconds", True, "error 1102",
          _WORKERS, _READ_LATER),
    Limit("cloudflare", "Worker (paid)", "upstream calls a call", 10_000, "calls", True, "an error of fetch",
          _WORKERS, _READ_LATER),
    Limit("cloudflare", "upload", "Worker", 3_000_000, "bytes", True, "the upload is refused",
          f"{_WORKERS}: 64 MB; older pages 3 MB, which is kept", _READ_LATER),
    Limit("cloudflare", "upload", "one variable", 5_000, "bytes", True, "the upload is refused",
          _WORKERS, _READ_LATER),
    Limit("vercel", "function", "request body", 4_500_000, "bytes", True, "413 from the platform", _VERCEL,
          "2026-11-27"),
    Limit("vercel", "function", "request headers", 32_768, "bytes", True, "the platform's own error",
          "vercel.com/docs/errors/REQUEST_HEADER_TOO_LARGE", "2026-11-27"),
    Limit("vercel", "function", "time-out", 300, "seconds", False, "504 from the platform", _VERCEL_TIME, "2026-11-27"),
    Limit("vercel", "function", "longest time-out, Hobby", 300, "seconds", True, "504 from the platform",
          _VERCEL_TIME, "2026-11-27"),
    Limit("vercel", "function", "longest time-out, Pro", 800, "seconds", True, "504 from the platform",
          _VERCEL_TIME, "2026-11-27"),
    Limit("vercel", "function", "memory", 2_000_000_000, "bytes", False, "the function is stopped",
          _VERCEL, "2026-11-27"),
    Limit("vercel", "upload", "unpacked bundle", 500_000_000, "bytes", True, "the upload is refused",
          "vercel.com/kb/guide/troubleshooting-function-250mb-limit", "2026-11-27"),
    Limit("vercel", "upload", "environment", 65_536, "bytes", True, "the upload is refused",
          "vercel.com/docs/environment-variables", "2026-11-27"),
    Limit("azure", "function", "request body", 104_857_600, "bytes", False, "413 from the platform",
          f"{_AZURE}: 210 MB since 2026; the host's own 100 MiB, which is kept", "2026-11-27"),
    Limit("azure", "function", "path and query", 8_192, "bytes", True, "the platform's own error", _AZURE,
          "2026-11-27"),
    Limit("azure", "function", "query", 4_096, "bytes", True, "the platform's own error", _AZURE, "2026-11-27"),
    Limit("azure", "function", "silence", 230, "seconds", True, "500, 502 or 504 from the platform", _AZURE,
          "2026-11-27"),
    Limit("azure", "function", "time-out", 1_800, "seconds", False, "the function is stopped", _AZURE, "2026-11-27"),
    Limit("azure", "function", "start-up", 30, "seconds", False, "the platform's own error",
          "github.com/Azure/azure-functions-host, HttpWorkerOptions.cs: 30 s; the documents say 60 s", "2026-11-27"),
    Limit("azure", "function", "calls at once in an instance", 1, "calls", False, "another instance starts",
          "learn.microsoft.com/azure/azure-functions/functions-concurrency", "2026-11-27"),
    Limit("azure", "function", "memory", 2_048_000_000, "bytes", False, "the function is stopped", _AZURE,
          "2026-11-27"),
    Limit("azure", "upload", "temporary files", 800_000_000, "bytes", True, "not documented", _AZURE, "2026-11-27"),
    Limit("cloudrun", "service", "request body", 33_554_432, "bytes", True, "413 from the platform", _RUN,
          "2026-11-27"),
    Limit("cloudrun", "service", "response body, not streamed", 33_554_432, "bytes", True,
          "sent in chunks, which have no limit", _RUN, "2026-11-27"),
    Limit("cloudrun", "service", "time-out", 300, "seconds", False, "504 from the platform", _RUN_TIME, "2026-11-27"),
    Limit("cloudrun", "service", "longest time-out", 3_600, "seconds", True, "504 from the platform", _RUN_TIME,
          "2026-11-27"),
    Limit("cloudrun", "service", "start-up", 240, "seconds", True, "the revision gets no calls", _RUN, "2026-11-27"),
    Limit("cloudrun", "service", "calls at once in an instance", 80, "calls", False, "another instance starts",
          "Cloud Run Admin API v1 in gcloud 528, RevisionSpec", "2026-11-27"),
    Limit("cloudrun", "service", "time to end after SIGTERM", 10, "seconds", True, "the process is killed",
          "docs.cloud.google.com/run/docs/container-contract", "2026-11-27"),
    Limit("cloudrun", "upload", "source without a build", 262_144_000, "bytes", True, "the upload is refused",
          "github.com/GoogleCloudPlatform/cloud-run-mcp, lib/deployment/constants.js", "2026-11-27"),
    Limit("edgeone", "function", "request body", 6_000_000, "bytes", True, "the platform's own error", _EDGEONE,
          "2026-11-27"),
    Limit("edgeone", "function", "time-out", 30, "seconds", False, "504 from the platform",
          "not documented; measured in public code on 2026-10-10, with Node.js", "2026-11-27"),
    Limit("edgeone", "function", "longest time-out", 120, "seconds", True, "504 from the platform",
          "npm edgeone 1.4.9, cloudFunctions.python.maxDuration", "2026-11-27"),
    Limit("edgeone", "upload", "unpacked bundle", 128_000_000, "bytes", True, "the upload is refused", _EDGEONE,
          "2026-11-27"),
)  # fmt: skip


def number(platform: str, door: str, what: str) -> float:
    """The number of the one row that fits. Raises KeyError when there is none."""
    for row in LIMITS:
        if (row.platform, row.door, row.what) == (platform, door, what):
            return row.number
    raise KeyError((platform, door, what))
