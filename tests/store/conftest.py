"""Each kind of store, empty."""

from tests.support.backends import backend, rest_url, shared_redis

__all__ = ["backend", "rest_url", "shared_redis"]
