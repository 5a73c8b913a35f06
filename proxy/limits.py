"""The table of platform limits: data, so that messages, documents and checks quote the same number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one door of one platform.

    `number` counts `unit`s (bytes or seconds). `hard` tells a limit that nobody can move from a default that a
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
)  # fmt: skip


def number(platform: str, door: str, what: str) -> float:
    """The number of the one row that fits. Raises KeyError when there is none."""
    for row in LIMITS:
        if (row.platform, row.door, row.what) == (platform, door, what):
            return row.number
    raise KeyError((platform, door, what))
