"""The sources of a bundle: what its adapters need of proxy/, data files too, and the platform's own files."""

from __future__ import annotations

import shutil
from pathlib import Path

from proxy.cli.bundle.compact import compact
from proxy.cli.bundle.imports import closure
from proxy.cli.certificates import hash_folder
from proxy.endpoints.console import page
from proxy.platforms import registry
from proxy.platforms.platform import Bundle

ROOT = Path(__file__).resolve().parents[3]
DATA = (".css", ".gz", ".html", ".js", ".json", ".txt")  # suffixes of the files that modules read
_VOCABULARY = ".tiktoken.gz"
LONG_DOCUMENT = "llms-full.txt"


def add_sources(bundle: Bundle, folder: Path) -> None:
    """Copy what the bundle needs of proxy/, and the platform's own files."""
    for path in chosen(bundle, ROOT):
        target = folder / bundle.sources / path.relative_to(ROOT)
        _copy(path, target)
        if path.suffix == ".py" and not bundle.python:  # it is the sources that are uploaded, and count
            target.write_text(compact(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    proxy = folder / bundle.sources / "proxy"
    if bundle.sources != ".":
        pack_console(proxy / "endpoints" / "console")
    if "certifi" in bundle.packages and not bundle.listed:
        hash_folder(folder / "certifi" / "cacert.pem", proxy / "transports" / "certificates")
    for name in own_files(bundle):
        _copy(ROOT / bundle.origin / name, folder / name)
        # A checkout on Windows may have changed the line ends.
        (folder / name).write_bytes((folder / name).read_bytes().replace(b"\r\n", b"\n"))
    _copy(ROOT / "LICENSE", folder / "LICENSE")
    own = ROOT / "sluice.toml"
    if own.is_file() and bundle.sources == ".":  # where Sluice looks for it
        print("      with your sluice.toml: keys that stand in it are in the zip too")
        _copy(own, folder / own.name)


def chosen(bundle: Bundle, root: Path) -> list[Path]:
    """The files of the project `root`'s folder proxy/ that go into the bundle."""
    modules = closure(root, registry.adapters(bundle.name), bundle.lacks).values()
    packages = {path.parent for path in modules if path.name == "__init__.py"}
    data = [path for path in sorted((root / "proxy").rglob("*")) if path.suffix in DATA and _package(path) in packages]
    return [*modules, *(path for path in data if bundle.tiktoken or not path.name.endswith(_VOCABULARY))]


def own_files(bundle: Bundle) -> tuple[str, ...]:
    """The files of the platform's own, by their places in the bundle."""
    return (*bundle.files, bundle.bootstrap) if bundle.bootstrap else bundle.files


def pack_console(folder: Path) -> None:
    """Turn the console's files into one module, for a platform to which Python alone is uploaded.

    It leaves out the long documents: such a platform starts more slowly with every byte.
    """
    files = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix in DATA):
        if path.name != LONG_DOCUMENT:
            files[path.name] = page.compact(path.name, path.read_text(encoding="utf-8"))
        path.unlink()
    lines = [f"    {name!r}: {text!r}," for name, text in files.items()]
    text = "\n".join(['"""What the console is made of, as text."""', "", "FILES = {", *lines, "}", ""])
    (folder / "packed.py").write_text(text, encoding="utf-8", newline="\n")


def _package(path: Path) -> Path:
    """The nearest folder around a data file that is a package."""
    return next(folder for folder in path.parents if (folder / "__init__.py").exists())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
