"""Python sources without comments and docstrings, for a platform that counts the bytes of sources.

Every statement stays on its line, so that a line number in the log means the same as in the repository.
"""

from __future__ import annotations

import ast
import io
import tokenize

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def compact(source: str) -> str:
    """`source` without comments and docstrings. It has the same lines and does the same, but for `__doc__`."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            statement = node.body[0]
            if lines[statement.lineno - 1][: statement.col_offset].strip():
                continue  # it shares its line with its function
            only = len(node.body) == 1 and not isinstance(node, ast.Module)
            for row in range(statement.lineno - 1, statement.end_lineno or statement.lineno):
                lines[row] = ""
            if only:  # a body needs a statement
                lines[statement.lineno - 1] = " " * statement.col_offset + "..."
    return "\n".join([*lines, ""])
