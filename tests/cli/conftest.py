"""Each kind of store, empty, for the commands that read one."""

from tests.support.backends import backend, rest_url, shared_redis

__all__ = ["backend", "rest_url", "shared_redis"]
