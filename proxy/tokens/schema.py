"""Render functions as the model reads them: OpenAI turns their JSON schemas into TypeScript-like lines. Pure.

OpenAI has not published the format. The rules were found by comparing renderings with `usage.prompt_tokens`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from proxy.tokens.vocabulary import Budget

MAX_DEPTH = 32  # schemas may refer to themselves
MAX_CHARACTERS = 2_000_000  # of one rendering: a schema with several references to itself grows without bound


class TooLarge(Exception):
    """The rendering exceeds its limits."""


class Renderer:
    """`newer` renders for models since late 2023: titles, defaults, and descriptions at every depth."""

    def __init__(self, newer: bool, budget: Budget) -> None:
        self._newer = newer
        self._budget = budget
        self._size = 0
        self.object_arrays = 0  # each costs more than its rendering
        self._root: dict[str, Any] = {}

    def functions(self, functions: Iterable[dict[str, Any]]) -> str:
        """The `namespace functions` with all `functions`. Raises TooLarge."""
        lines = ["namespace functions {", ""]
        for function in functions:
            lines += self._comment(function.get("description"))
            name = str(function.get("name", ""))
            self._grow(len(name) + 20)
            schema = function.get("parameters")
            self._root = schema if isinstance(schema, dict) else {}
            if _properties(self._root):
                lines.append(f"type {name} = (_: {{")
                if self._newer:
                    lines += self._comments(self._root)
                lines += self._members(self._root, 0)
                lines.append("}) => any;")
            else:
                lines.append(f"type {name} = () => any;")
            lines.append("")
        lines.append("} // namespace functions")
        return "\n".join(lines)

    def _members(self, schema: dict[str, Any], depth: int) -> list[str]:
        names = schema.get("required")
        if isinstance(names, list):
            self._grow(len(names))
        required = {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
        lines: list[str] = []
        for name, value in _properties(schema).items():
            member = self._resolved(value)
            if self._newer:
                lines += self._comments(member) + self._limits(member)
            elif depth == 0:
                lines += self._comment(member.get("description"))
            mark = "" if name in required else "?"
            indent = "" if self._newer else "  " * depth
            kind = self._type(member, depth + 1)
            space = "" if isinstance(member.get("type"), list) and kind.startswith("\n") else " "
            line = f"{indent}{name}{mark}:{space}{kind},"
            if self._newer and "default" in member:
                line += f" // default: {self._json(member['default'])}"
            self._grow(len(line))
            lines.append(line)
        return lines

    def _type(self, schema: dict[str, Any], depth: int) -> str:
        self._grow(1)
        if depth > MAX_DEPTH:
            return "any"
        for union in ("anyOf", "oneOf", "allOf"):
            kinds = schema.get(union)
            if isinstance(kinds, list) and kinds:
                return self._union([self._resolved(kind) for kind in kinds], depth)
        values = schema.get("enum")
        if isinstance(values, list) and values:
            return " | ".join(self._json(value) for value in values)
        if self._newer and "const" in schema:
            return self._json(schema["const"])
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._kinds(schema, kind, depth)
        if kind in ("integer", "number"):
            return "number"
        if kind == "array":
            items = schema.get("items")
            if isinstance(items, dict) and _properties(items):
                self.object_arrays += 1
            return f"{self._type(self._resolved(items), depth)}[]" if isinstance(items, dict) else "any[]"
        if kind == "object" or _properties(schema):
            if not _properties(schema):
                return "object"
            # The title is rendered twice: before the braces and inside them.
            title = self._comment(schema.get("title")) if self._newer else []
            return "\n".join([*title, "{", *title, *self._members(schema, depth), "}"])
        return kind if isinstance(kind, str) else "any"

    def _union(self, kinds: list[dict[str, Any]], depth: int) -> str:
        """Alternatives; on lines of their own if one of them has constraints."""
        types = [self._type(kind, depth) for kind in kinds]
        comments = [self._limits(kind) if self._newer else [] for kind in kinds]
        if not any(comments):
            return " | ".join(types)
        lines = ["", *([*comment, f" | {kind}"] for comment, kind in zip(comments, types, strict=True))]
        return "\n".join("\n".join(line) for line in lines)

    def _kinds(self, schema: dict[str, Any], kinds: list[Any], depth: int) -> str:
        """A list of types: each is rendered with the description, like a copy of the schema."""
        comments = self._comments(schema) if self._newer and len(kinds) > 1 else []
        self._grow(len(kinds) * len(schema))  # each needs a copy of the schema
        types = [self._type({**schema, "type": kind}, depth) for kind in kinds]
        self._grow(len(kinds) * sum(map(len, comments)))
        if not comments:
            return " | ".join(types)
        return "".join("\n".join(["", *comments, f" | {kind}"]) for kind in types) + "\n"

    def _limits(self, schema: dict[str, Any]) -> list[str]:
        """The constraints of a schema, as a comment."""
        if schema.get("type") == "string" and isinstance(schema.get("format"), str):
            return self._comment(f"format: {schema['format']}")
        limits = [(name, schema.get(name)) for name in ("minimum", "maximum")]
        numbers = [(name, limit) for name, limit in limits if isinstance(limit, (int, float)) and abs(limit) < 1e300]
        known = [f"{name}: {float(limit)}" for name, limit in numbers]
        return self._comment(", ".join(known))

    def _resolved(self, schema: Any) -> dict[str, Any]:
        for _ in range(MAX_DEPTH):
            if not isinstance(schema, dict):
                return {}
            self._grow(len(schema))
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            target: Any = self._root
            for part in reference.removeprefix("#").strip("/").split("/"):
                target = target.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
            if not isinstance(target, dict):
                return {}
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        return {}

    def _grow(self, characters: int) -> None:
        self._size += characters
        if self._size > MAX_CHARACTERS or not self._budget.visit():
            raise TooLarge

    def _json(self, value: Any) -> str:
        text = json.dumps(value, ensure_ascii=False)
        self._grow(len(text))
        return text

    def _comments(self, schema: dict[str, Any]) -> list[str]:
        """Title and description, separated by an empty comment."""
        title, description = self._comment(schema.get("title")), self._comment(schema.get("description"))
        return [*title, "//", *description] if title and description else title + description

    def _comment(self, text: Any) -> list[str]:
        if not isinstance(text, str):
            return []
        self._grow(len(text))
        return [f"// {line.strip()}".rstrip() for line in text.strip().split("\n")] if text.strip() else []


def first_is_bare(function: dict[str, Any]) -> bool:
    """Whether the first property of a function is rendered without a comment."""
    schema = function.get("parameters")
    first = next(iter(_properties(schema).values()), None) if isinstance(schema, dict) else None
    if not isinstance(first, dict):
        return False
    items = first.get("items")
    if first.get("type") in ("object", "array") and not (isinstance(items, dict) and "$ref" in items):
        return False
    return not (first.get("title") or first.get("description") or "default" in first)


def is_bare(function: dict[str, Any]) -> bool:
    """Whether a function is rendered as nothing but its name."""
    return not function.get("description") and not _properties(function.get("parameters"))


def is_titled(function: dict[str, Any]) -> bool:
    """Whether the parameters of a function have a title and a description of their own."""
    schema = function.get("parameters")
    return isinstance(schema, dict) and bool(schema.get("title") and schema.get("description") and _properties(schema))


def _properties(schema: Any) -> dict[str, Any]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}
