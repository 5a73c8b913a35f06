"""Runs under Pyodide: notes which line of the bundle runs behind which, as coverage does, for coverage to report on.

A line's predecessor is the line before it in the same call, or minus the number of the function's first line at its
start; a function's end is the same negative number (coverage.readthedocs.io/en/latest/branch.html).
"""

import json
import opcode
import sys

_PREFIX = "/worker/proxy/"
_YIELD = opcode.opmap["YIELD_VALUE"]
_RESUME = opcode.opmap["RESUME"]
_found = {}
_last = {}


def start():
    """Look on from now on."""
    sys.settrace(_called)


def as_json():
    """{path in the project: [[line, line], …]}"""
    return json.dumps({path: sorted(arcs) for path, arcs in _found.items()})


def _called(frame, event, _argument):
    code = frame.f_code
    if not code.co_filename.startswith(_PREFIX):
        return None
    arcs = _found.setdefault(code.co_filename.removeprefix("/worker/"), set())
    key = id(frame)
    # A coroutine that goes on is called as well; it stands where it had stopped.
    resumed = frame.f_lasti > 0 and code.co_code[frame.f_lasti] == _RESUME and code.co_code[frame.f_lasti + 1] & 3
    if not resumed or key not in _last:
        _last[key] = -code.co_firstlineno

    def stepped(frame, event, _argument):
        if event == "line":
            arcs.add((_last[key], frame.f_lineno))
            _last[key] = frame.f_lineno
        elif event == "return" and code.co_code[frame.f_lasti] != _YIELD:
            arcs.add((_last.pop(key), -code.co_firstlineno))
        return stepped

    return stepped
