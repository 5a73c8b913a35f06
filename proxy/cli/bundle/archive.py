"""The zip of a bundle, the modes of its files, and its size beside what the platform takes."""

from __future__ import annotations

import zipfile
from pathlib import Path

from proxy.errors import ConfigError
from proxy.platforms import registry
from proxy.platforms.platform import Bundle

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first day; the day of the build would make every zip differ


def check_size(bundle: Bundle, folder: Path) -> None:
    """Raise ConfigError, naming the largest file, when the platform would refuse the bundle."""
    total = total_size(folder)
    if total > bundle.limit:
        largest = max(files_of(folder), key=lambda path: path.stat().st_size)
        raise ConfigError(
            f"The bundle has {total / 1e6:.0f} MB unpacked and the platform takes {bundle.limit / 1e6:.0f} MB. The "
            f"largest file is {largest.relative_to(folder)} with {largest.stat().st_size / 1e6:.1f} MB."
        )


def check_zip(bundle: Bundle, packed: Path) -> None:
    """Raise ConfigError when the platform takes no zip of this size."""
    size = packed.stat().st_size
    if bundle.zip_limit is not None and size > bundle.zip_limit:
        raise ConfigError(
            f"{packed.name} has {size / 1e6:.0f} MB and the platform takes {bundle.zip_limit / 1e6:.0f} MB."
        )


def set_modes(folder: Path) -> None:
    """Let everybody read what a deploying tool takes from the folder: platforms run it as another user.

    Whatever the umask here, and whatever modes a checkout or a wheel brought along.
    """
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else _mode(path.relative_to(folder).as_posix()))


def _mode(name: str) -> int:
    return 0o755 if name in registry.BOOTSTRAPS else 0o644


def pack(folder: Path, target: Path) -> None:
    """Zip a folder so that equal folders give equal zips: names in order, one date, modes by kind."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files_of(folder):
            name = path.relative_to(folder).as_posix()
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, or the modes below mean nothing
            entry.external_attr = (0o100000 | _mode(name)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
    target.chmod(0o644)


def files_of(folder: Path) -> list[Path]:
    """The files of a folder, in an order that is the same on every machine."""
    return sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.as_posix())


def total_size(folder: Path) -> int:
    """How many bytes a folder's files have."""
    return sum(path.stat().st_size for path in files_of(folder))
