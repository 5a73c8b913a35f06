"""The stores of tests/store, for whole servers."""

from tests.store.conftest import backend, rest_url, shared_redis

__all__ = ["backend", "rest_url", "shared_redis"]
