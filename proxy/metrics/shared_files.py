"""The files in which the processes of one server share their metrics, where PROMETHEUS_MULTIPROC_DIR names a folder.

prometheus_client maps them into memory (prometheus.github.io/client_python/multiprocess, read 2026-11-27). It makes
them sparse, so on a full disk the first write to a new page would end the process with SIGBUS. Files with blocks of
their own cannot fail like that; RESERVED_BYTES is enough for all sets of labels that a recorder keeps.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from proxy.errors import ConfigError

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# By how prometheus_client begins the names of the files: the kind of metric, and how processes are put together.
RESERVED_BYTES = {"counter": 524_288, "histogram": 1_310_720, "gauge_livesum": 4_096}


@contextmanager
def temporary_folder(processes: int) -> Iterator[str | None]:
    """A folder for the metrics of several processes, removed at the end; None for one, or if none are kept.

    Raises ConfigError if there is no place for it.
    """
    if processes == 1 or find_spec("prometheus_client") is None:
        yield None
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="sluice-metrics-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ConfigError(
            f"Several workers share their metrics in a temporary folder, which cannot be made: {error.strerror}. Set "
            "TMPDIR to a folder that can be written, start one worker, or uninstall prometheus_client."
        ) from None
    with folder as path:
        yield path


def shared_folder() -> str | None:
    """The folder that processes share, with this process's files in it; None if the variable is not set.

    Raises ConfigError if the files cannot be made.
    """
    folder = os.environ.get(VARIABLE)
    if folder is None:
        return None
    try:
        for kind, size in RESERVED_BYTES.items():
            _reserve(Path(folder, f"{kind}_{os.getpid()}.db"), size)
    except OSError as error:
        raise ConfigError(
            f"{VARIABLE} must be a folder with a few MB of room that this process can write, but: {error.strerror}. "
            "Create it anew for each run, or unset the variable.",
            param=VARIABLE,
        ) from None
    return folder


def forget_process(folder: str, pid: int | None) -> None:
    """Remove what counts only while a process lives, of one that has died: its calls no longer run."""
    with suppress(FileNotFoundError):
        Path(folder, f"gauge_livesum_{pid}.db").unlink()


def _reserve(path: Path, size: int) -> None:
    """Make a file of zeros, at once: a collector that reads an empty one fails."""
    if path.exists():
        return
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(bytes(size))
    unfinished.replace(path)
