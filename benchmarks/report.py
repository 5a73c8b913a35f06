"""A run's results for its readers: the tables as Markdown, and the picture."""

from __future__ import annotations

from benchmarks import budgets, picture, ratios, stalls, table, translations
from benchmarks.results import Results


def tables(results: Results) -> str:
    """All tables, with the facts of the run before them. What was not measured has none."""
    parts = [" · ".join(results.facts), table.relays(results.columns), ratios.ratios(results)]
    if results.translations:
        parts.append(translations.told(results.translations))
    if results.budgets:
        parts.append(budgets.told(results.budgets))
    if results.cold:
        parts.append(table.cold(results.cold))
    if results.stalls:
        parts.append(stalls.told(results.stalls))
    return "\n\n".join(parts)


def svg(results: Results) -> str:
    """The picture."""
    return picture.draw("What a call through Sluice costs, beside nginx and a bare relay", picture.panels(results))
