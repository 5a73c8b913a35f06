"""Functions as the model reads them, within limits."""

from __future__ import annotations

import time
from typing import Any

import pytest

from proxy.tokens.schema import MAX_CHARACTERS, Renderer, TooLarge
from proxy.tokens.vocabulary import Budget
from tests.support.counting import counted, tool, user


def renderer() -> Renderer:
    return Renderer(True, Budget(10**9, 60, time.monotonic))


def test_schemas_are_rendered_as_the_model_reads_them() -> None:
    address = {"type": "object", "title": "Address", "properties": {"street": {"type": "string"}}}
    function = tool(
        "save",
        {
            "who": {"type": "string", "title": "Who", "description": "The name.\n\n  Of a person."},
            "age": {"type": ["integer", "null"], "description": "Years"},
            "size": {"type": ["integer", "null"]},
            "kind": {"enum": ["a", 1], "default": "a"},
            "sure": {"const": True},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "home": {"$ref": "#/$defs/Address"},
            "lost": {"$ref": "#/$defs/Nowhere"},
            "many": {"type": "array", "items": {"type": "number"}},
            "any": {"type": "array"},
            "free": {"type": "object"},
        },
        "Saves a person.",
        title="Person",
        description="Who it is",
        required=["who"],
        **{"$defs": {"Address": address}},
    )["function"]
    assert renderer().functions([function]) == "\n".join(
        [
            "namespace functions {",
            "",
            "// Saves a person.",
            "type save = (_: {",
            "// Person",
            "//",
            "// Who it is",
            "// Who",
            "//",
            "// The name.",
            "//",
            "// Of a person.",
            "who: string,",
            "// Years",
            "age?:",
            "// Years",
            " | number",
            "// Years",
            " | null",
            ",",
            "size?: number | null,",
            'kind?: "a" | 1, // default: "a"',
            "sure?: true,",
            "either?: string | null,",
            "// Address",
            "home?: // Address",
            "{",
            "// Address",
            "street?: string,",
            "},",
            "lost?: any,",
            "many?: number[],",
            "any?: any[],",
            "free?: object,",
            "}) => any;",
            "",
            "} // namespace functions",
        ]
    )


def test_recursive_schemas_are_limited() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"a": {"$ref": "#/$defs/N"}, "b": {"$ref": "#/$defs/N"}}}
    function = {"name": "f", "parameters": {**node, "$defs": {"N": node}}}
    with pytest.raises(TooLarge):
        renderer().functions([function])
    count = counted(user("x", tools=[{"function": function}]))
    assert count.certainty == "at_least" and "too large" in count.notes[0]
    circle = {
        "name": "f",
        "parameters": {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}},
    }
    assert "a?: any," in renderer().functions([circle])
    with pytest.raises(TooLarge):
        renderer().functions([{"name": "f", "description": "x" * (MAX_CHARACTERS + 1)}])
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(40):
        deep = {"type": "object", "properties": {"a": deep}}
    assert "a?: any," in renderer().functions([{"name": "f", "parameters": deep}])
