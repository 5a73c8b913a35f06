"""The bundles under build/: what a platform would refuse, or accept and then fail to start."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from proxy.cli.bundle.sources import DATA, own_files
from proxy.cli.doctor.report import Report
from proxy.platforms.platform import Bundle
from proxy.platforms.registry import BOOTSTRAPS, BUNDLES

_SOURCE_SUFFIXES = (".py", *DATA)
_NOT_BUNDLED = ("__pycache__", "cli")


def examine(root: Path, report: Report) -> None:
    """Check each bundle that has been built in the project `root`."""
    build = root / "build"
    built = False
    for name, bundle in BUNDLES.items():
        archive, folder = build / f"sluice-{name}.zip", build / name
        if not archive.is_file() and not folder.is_dir():
            continue
        built = True
        report.progress(f"build/{name}")
        problems = len(report.findings)
        newest = newest_source(root, bundle)
        size = _zip(bundle, archive, report) if archive.is_file() else None
        if folder.is_dir():
            size = _folder(bundle, folder, report) or size
        built_at = (archive if archive.is_file() else folder).stat().st_mtime
        if newest is not None and newest.stat().st_mtime > built_at:
            report.add("bundle.stale", name=name, file=newest.relative_to(root).as_posix())
        if size is not None and size > bundle.limit:
            report.add("bundle.large", name=name, size=size / 1e6, limit=bundle.limit / 1e6)
        if len(report.findings) == problems:
            report.add("bundle.ok", name=name, size=(size or 0) / 1e6)
    if not built:
        report.add("bundle.none", folder=str(build))


def newest_source(root: Path, bundle: Bundle) -> Path | None:
    """The most recently changed file of those that go into this bundle."""
    files = [root / bundle.origin / name for name in own_files(bundle)]
    files += [root / "requirements.txt", root / "sluice.toml"]
    files += [
        path
        for path in (root / "proxy").rglob("*")
        if path.suffix in _SOURCE_SUFFIXES and not set(path.relative_to(root).parts) & set(_NOT_BUNDLED)
    ]
    return max((path for path in files if path.is_file()), key=lambda path: path.stat().st_mtime, default=None)


def _zip(bundle: Bundle, path: Path, report: Report) -> int | None:
    """The unpacked size of a zip in bytes; None if it cannot be read."""
    name = bundle.name
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            starters = {entry: archive.read(entry) for entry in entries if entry.filename in BOOTSTRAPS}
    except (OSError, zipfile.BadZipFile):
        report.add("bundle.broken", name=name)
        return None
    if not set(own_files(bundle)) <= {entry.filename for entry in entries}:
        report.add("bundle.broken", name=name)
    for entry, content in starters.items():
        _starter(name, entry.filename, bool(entry.external_attr >> 16 & 0o111), content, report)
    if bundle.zip_limit is not None and path.stat().st_size > bundle.zip_limit:
        report.add("bundle.large", name=name, size=path.stat().st_size / 1e6, limit=bundle.zip_limit / 1e6)
    return sum(entry.file_size for entry in entries)


def _folder(bundle: Bundle, folder: Path, report: Report) -> int:
    """The size in bytes of what is uploaded of a folder. Command lines upload it with its file modes as they are."""
    name = bundle.name
    if not all((folder / file).is_file() for file in own_files(bundle)):
        report.add("bundle.broken", name=name)
    for starter in BOOTSTRAPS:
        path = folder / starter
        if path.is_file():
            _starter(name, f"{name}/{starter}", os.access(path, os.X_OK), path.read_bytes(), report)
    return sum(path.stat().st_size for path in uploaded(bundle, folder))


def uploaded(bundle: Bundle, folder: Path) -> list[Path]:
    """The files of a bundle's folder that the platform's tool uploads, without what deploying has left there.

    Of a Worker, that is what is below the folder of its main module: `uv run` leaves an environment beside it
    (github.com/cloudflare/workers-sdk/releases/tag/wrangler@3.11.0, `base_dir`, read 2026-11-27; a dry run agrees).
    """
    root = folder / bundle.sources
    return [
        path
        for path in root.rglob("*")
        if path.is_file() and not set(path.relative_to(root).parts[:-1]) & set(bundle.not_uploaded)
    ]


def _starter(name: str, file: str, executable: bool, content: bytes, report: Report) -> None:
    if not executable:
        report.add("bundle.bits", name=name, file=file)
    if b"\r\n" in content:
        report.add("bundle.lines", name=name, file=file)
