"""The bundles under build/: what a platform would refuse, or start and not find."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from proxy.cli.bundle.sources import DATA, own_files
from proxy.cli.doctor.report import Report
from proxy.platforms.platform import Bundle
from proxy.platforms.registry import BOOTSTRAPS, BUNDLES

_SOURCES = (".py", *DATA)
_LEFT_OUT = ("__pycache__", "cli")


def examine(root: Path, report: Report) -> None:
    """Each bundle of the project `root` that has been built."""
    build = root / "build"
    found = False
    for name, bundle in BUNDLES.items():
        packed, folder = build / f"sluice-{name}.zip", build / name
        if not packed.is_file() and not folder.is_dir():
            continue
        found = True
        report.begin(f"build/{name}")
        problems = len(report.findings)
        newest = newest_source(root, bundle)
        size = _zip(bundle, packed, report) if packed.is_file() else None
        if folder.is_dir():
            size = _folder(bundle, folder, report) or size
        made = (packed if packed.is_file() else folder).stat().st_mtime
        if newest is not None and newest.stat().st_mtime > made:
            report.add("bundle.stale", name=name, file=newest.relative_to(root).as_posix())
        if size is not None and size > bundle.limit:
            report.add("bundle.large", name=name, size=size / 1e6, limit=bundle.limit / 1e6)
        if len(report.findings) == problems:
            report.add("bundle.ok", name=name, size=(size or 0) / 1e6)
    if not found:
        report.add("bundle.none", folder=str(build))


def newest_source(root: Path, bundle: Bundle) -> Path | None:
    """The file that has changed last among those that this bundle is made of."""
    files = [root / bundle.origin / name for name in own_files(bundle)]
    files += [root / "requirements.txt", root / "sluice.toml"]
    files += [
        path
        for path in (root / "proxy").rglob("*")
        if path.suffix in _SOURCES and not set(path.relative_to(root).parts) & set(_LEFT_OUT)
    ]
    return max((path for path in files if path.is_file()), key=lambda path: path.stat().st_mtime, default=None)


def _zip(bundle: Bundle, packed: Path, report: Report) -> int | None:
    """The size of a zip's content in bytes."""
    name = bundle.name
    try:
        with zipfile.ZipFile(packed) as archive:
            entries = archive.infolist()
            starters = {one: archive.read(one) for one in entries if one.filename in BOOTSTRAPS}
    except (OSError, zipfile.BadZipFile):
        report.add("bundle.broken", name=name)
        return None
    if not set(own_files(bundle)) <= {one.filename for one in entries}:
        report.add("bundle.broken", name=name)
    for entry, data in starters.items():
        _starter(name, entry.filename, bool(entry.external_attr >> 16 & 0o111), data, report)
    if bundle.zip_limit is not None and packed.stat().st_size > bundle.zip_limit:
        report.add("bundle.large", name=name, size=packed.stat().st_size / 1e6, limit=bundle.zip_limit / 1e6)
    return sum(one.file_size for one in entries)


def _folder(bundle: Bundle, folder: Path, report: Report) -> int:
    """The size of a folder in bytes; the command lines of the platforms upload it with the bits that it has."""
    name = bundle.name
    if not all((folder / one).is_file() for one in own_files(bundle)):
        report.add("bundle.broken", name=name)
    for one in BOOTSTRAPS:
        path = folder / one
        if path.is_file():
            _starter(name, f"{name}/{one}", os.access(path, os.X_OK), path.read_bytes(), report)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _starter(name: str, file: str, executable: bool, data: bytes, report: Report) -> None:
    if not executable:
        report.add("bundle.bits", name=name, file=file)
    if b"\r\n" in data:
        report.add("bundle.lines", name=name, file=file)
