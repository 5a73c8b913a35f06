"""Runs under Pyodide. Imports the Worker as Cloudflare's runtime does: outside of any call nothing may draw entropy,
fetch, set a timer, start a thread or read the environment, and the clock stands still."""

import importlib
import os
import random
import secrets
import sys
import threading
import time
import uuid
from unittest import mock

import js


def _forbidden(what):
    def refuse(*args, **kwargs):
        raise RuntimeError(f"{what} outside of a call")

    return refuse


def import_worker(entry):
    """The Worker's entry module, imported anew with all that belongs to it."""
    for name in [name for name in sys.modules if name.partition(".")[0] in (entry, "proxy")]:
        del sys.modules[name]
    places = [
        (os, "urandom"),
        (uuid, "uuid4"),
        (secrets, "token_hex"),
        (secrets, "token_bytes"),
        (random, "random"),
        (random, "randrange"),
        (random, "choice"),
        (threading.Thread, "start"),
        (js, "fetch"),
        (js, "setTimeout"),
    ]
    patches = [mock.patch.object(place, name, _forbidden(name)) for place, name in places]
    patches += [mock.patch.object(time, "time", return_value=0.0), mock.patch.dict(os.environ, clear=True)]
    abort_controller, js.AbortController = js.AbortController, None
    for patch in patches:
        patch.start()
    try:
        return importlib.import_module(entry)
    finally:
        for patch in patches:
            patch.stop()
        js.AbortController = abort_controller
