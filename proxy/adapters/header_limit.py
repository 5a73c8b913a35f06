"""Making a reply's headers fit a platform's limit, by leaving out those that callers miss least."""

from __future__ import annotations

from proxy.messages import Headers

# How the names of the headers begin that are dropped first; callers miss the last of these most.
DROP_ORDER = (
    "openai-",
    "x-ratelimit-",
    "access-control-expose-headers",
    "etag",
    "accept-ranges",
    "retry-after-ms",
    "content-disposition",
    "x-request-id",
)


def fit(headers: Headers, limit: float) -> None:
    """Drop headers in DROP_ORDER until names and values have at most `limit` bytes, or nothing is left to drop."""
    for prefix in DROP_ORDER:
        if _size(headers) <= limit:
            return
        headers.remove_all({name for name, _ in headers if name.startswith(prefix)})


def _size(headers: Headers) -> int:
    """Bytes of names and values, with 4 for each line's punctuation and 200 for what the server adds."""
    return 200 + sum(len(name) + len(value) + 4 for name, value in headers)
