"""The picture: well-formed, without a script, and its bars as long as they should be."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks import picture, report
from benchmarks.picture import Bar, Panel
from benchmarks.results import DIRECT, NGINX, SLUICE
from tests.benchmarks.made_up import column, results

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*panels: Panel) -> ET.Element:
    return ET.fromstring(picture.draw("A title", panels))


def widths(root: ET.Element) -> list[float]:
    return [float(rect.attrib["width"]) for rect in root.iter(f"{SVG}rect") if rect.attrib["class"] != "page"]


def test_bars_are_as_long_as_their_values() -> None:
    root = drawn(
        Panel("CPU", "shorter is better", [Bar("a", 10, "10 µs"), Bar("b", 5, "5 µs", True), Bar("c", 0, "0")])
    )
    longest, half, none = widths(root)
    assert half == pytest.approx(longest / 2)
    assert none == 1  # still to be seen
    assert [rect.attrib["class"] for rect in root.iter(f"{SVG}rect")] == ["page", "bar", "ours", "bar"]


def test_each_panel_has_its_own_scale_and_all_stay_on_the_page() -> None:
    panels = [Panel(str(scale), "", [Bar("a", scale, "a")]) for scale in (0.001, 1, 5_000)]
    root = drawn(*panels)
    assert len(set(widths(root))) == 1
    width, height = (float(root.attrib[side]) for side in ("width", "height"))
    for rect in root.iter(f"{SVG}rect"):
        assert float(rect.attrib.get("x", 0)) + float(rect.attrib["width"]) <= width
    for text in root.iter(f"{SVG}text"):
        assert 0 < float(text.attrib["x"]) < width
        assert 0 < float(text.attrib["y"]) < height


def test_screen_readers_are_told_everything() -> None:
    root = drawn(Panel("CPU", "shorter is better", [Bar("nginx", 1, "1 µs"), Bar("Sluice", 2, "2 µs")]))
    assert root.attrib["role"] == "img"
    named = {element.attrib["id"]: element.text for element in root if "id" in element.attrib}
    assert [named[one] for one in root.attrib["aria-labelledby"].split()] == [
        "A title",
        "CPU (shorter is better): nginx 1 µs, Sluice 2 µs.",
    ]


def test_light_and_dark_and_no_script() -> None:
    root = drawn()
    style = root.findtext(f"{SVG}style") or ""
    assert "@media (prefers-color-scheme: dark)" in style
    assert not list(root.iter(f"{SVG}script"))


def test_text_is_escaped() -> None:
    root = drawn(Panel("<b>&", "'\"", [Bar("a<", 1, "≥ 1 & more")]))
    assert [text.text for text in root.iter(f"{SVG}text")] == ["<b>&", "'\"", "a<", "≥ 1 & more"]


def test_the_picture_of_a_run() -> None:
    panels = {panel.title: panel.bars for panel in picture.panels(results())}
    assert [[bar.label for bar in bars] for bars in panels.values()] == [
        ["≥ 2,000", "1,600", "400"],
        ["25.0 µs", "50.0 µs", "200 µs"],
        ["7.50 µs", "15.0 µs", "60.0 µs"],
        ["50.0 µs", "100 µs", "400 µs"],
    ]
    assert all([bar.is_ours for bar in bars] == [False, False, True] for bars in panels.values())
    assert ET.fromstring(report.svg(results())).tag == f"{SVG}svg"


def test_what_was_not_measured_is_not_drawn() -> None:
    quick = results()
    quick.columns = [column(name, 1, streams=0) for name in (DIRECT, NGINX, SLUICE)]
    assert "Streams that one core carries" not in [panel.title for panel in picture.panels(quick)]
    assert "bare relay" not in report.svg(quick).partition("<style>")[2]
