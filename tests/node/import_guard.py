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


_copies = {}
_now = {"worker": None}


def _put_aside(entry):
    """Take the Worker's modules out of those that an import finds, and remember whose they are."""
    own = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in (entry, "proxy")}
    for name in own:
        del sys.modules[name]
    if _now["worker"] is not None:
        _copies[_now["worker"]] = own


def enter(worker):
    """Let a late import in this copy of the Worker find the copy's own modules, as it would alone in its isolate."""
    if worker is not _now["worker"]:
        _put_aside(worker.__name__)
        _now["worker"] = worker
        sys.modules.update(_copies[worker])


def import_worker(entry):
    """The Worker's entry module, imported anew with all that belongs to it."""
    _put_aside(entry)
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
        _now["worker"] = importlib.import_module(entry)
        return _now["worker"]
    finally:
        for patch in patches:
            patch.stop()
        js.AbortController = abort_controller
