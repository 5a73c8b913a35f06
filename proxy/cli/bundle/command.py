"""Build one bundle: packages, sources, bytecode, sizes, zip.

The same input gives the same zip, bit for bit: the same sources, the same requirements.txt, the same Python that runs
this (its zlib packs) and the same Python that compiles. A machine without the function's Python leaves `.pyc` out.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from proxy.cli.bundle.archive import check_size, check_zip, pack, set_modes, total_size
from proxy.cli.bundle.bytecode import compile_all
from proxy.cli.bundle.packages import add_packages
from proxy.cli.bundle.sources import ROOT, add_sources
from proxy.errors import ConfigError
from proxy.platforms import registry


def build_bundle(name: str, output: str, tokens: bool = True) -> int:
    """Build one bundle into `output`/NAME and `output`/sluice-NAME.zip. Returns 1 with a sentence when it cannot be.

    Without `tokens` it cannot count them: it has neither tiktoken nor its vocabularies.
    """
    bundle = registry.BUNDLES[name] if tokens else replace(registry.BUNDLES[name], tiktoken=())
    folder = Path(output) / name
    steps = ("packages", "Sluice itself", "compiling", "sizes", "zip")
    try:
        _check_checkout()
        for position, step in enumerate(steps, 1):
            print(f"[{position}/{len(steps)}] {name}: {step} …", flush=True)
            if step == "packages":
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                add_packages(bundle, folder)
            elif step == "Sluice itself":
                add_sources(bundle, folder)
            elif step == "compiling":
                compile_all(bundle, folder)
            elif step == "sizes":
                check_size(bundle, folder)
            else:
                set_modes(folder)
                pack(folder, folder.parent / f"sluice-{name}.zip")
                check_zip(bundle, folder.parent / f"sluice-{name}.zip")
    except ConfigError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"sluice: cannot write {error.filename or folder}: {error.strerror or error}. Choose another folder: "
            f"python -m proxy bundle {name} --output FOLDER",
            file=sys.stderr,
        )
        return 1
    packed = (folder.parent / f"sluice-{name}.zip").stat().st_size
    print(
        f"{folder.parent / f'sluice-{name}.zip'}: {packed / 1e6:.2f} MB, unpacked {total_size(folder) / 1e6:.2f} MB "
        f"of the platform's {bundle.limit / 1e6:.0f} MB"
    )
    return 0


def _check_checkout() -> None:
    """Raise ConfigError in an installed package: a bundle needs files that only the repository has."""
    if not (ROOT / "requirements.txt").is_file():
        raise ConfigError(
            "A bundle is built from a checkout of the repository, and this is an installed package. Run it in a "
            "checkout, or download the zip of a release."
        )
