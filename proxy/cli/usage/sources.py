"""Opens log files: plain or gzip, in UTF-8 or in the UTF-16 that PowerShell writes, from a folder or from stdin."""

from __future__ import annotations

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

BLOCK_BYTES = 1_048_576
# On a terminal, files from this size show their progress.
PROGRESS_BYTES = 4_000_000
_GZIP_MAGIC = b"\x1f\x8b"
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Unreadable(Exception):
    """A file cannot be read, or not to its end. The message says which and why."""


def expand(names: Iterable[str]) -> Iterator[str]:
    """Yield the names, and in place of a folder those of all files in it, sorted."""
    for name in names:
        if name != "-" and (folder := Path(name)).is_dir():
            yield from (str(path) for path in sorted(folder.rglob("*")) if path.is_file())
        else:
            yield name


def blocks(name: str) -> Iterator[str]:
    """Yield a file's text; `-` is stdin. Bytes that are no valid text become U+FFFD.

    Raises Unreadable, after all the text that could be read.
    """
    try:
        if name == "-":
            yield from _text(_peekable(sys.stdin.buffer), None)
        else:
            with Path(name).open("rb") as file:
                yield from _text(file, Path(name).stat().st_size)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Unreadable(f"{name}: the compressed data is cut or damaged; what is before that was counted") from error
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror or error}") from error


def _peekable(stdin: BinaryIO) -> io.BufferedReader:
    return stdin if isinstance(stdin, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stdin))


def _text(file: io.BufferedReader, size: int | None) -> Iterator[str]:
    """Yield the text of an open file. `size` is its number of bytes, None if nobody knows."""
    is_gzip = file.peek(2)[:2] == _GZIP_MAGIC
    source = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if is_gzip else file
    block = source.read(BLOCK_BYTES)
    bom, encoding = next(((bom, name) for bom, name in _BOMS if block.startswith(bom)), (b"", "utf-8"))
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    block = block[len(bom) :]
    while block:
        yield decoder.decode(block)
        if size is not None:
            _show_progress(file.tell(), size)
        block = source.read(BLOCK_BYTES)
    yield decoder.decode(b"", final=True)


def _show_progress(done: int, size: int) -> None:
    if size >= PROGRESS_BYTES and sys.stderr.isatty():
        end = "\n" if done >= size else ""
        print(f"\r{done / 1e6:.0f} of {size / 1e6:.0f} MB", end=end, file=sys.stderr, flush=True)
