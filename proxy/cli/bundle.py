"""`python -m proxy bundle NAME`: what to upload, as a folder and as a zip under build/.

The same input gives the same zip, bit for bit: the same sources, the same requirements.txt, the same Python that runs
this (its zlib packs) and the same Python that compiles. A machine without the function's Python leaves `.pyc` out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from proxy.cli.certificates import hash_folder
from proxy.errors import ConfigError
from proxy.platforms.limits import number

ROOT = Path(__file__).resolve().parents[2]
_HTTPX = ("anyio", "certifi", "exceptiongroup", "h11", "httpcore", "httpx", "idna", "sniffio", "typing-extensions")
# Folders of packages that no function runs, and what says how a wheel was installed here.
_LEFT_OUT = ("tests", "test", "testing", "__pycache__", "bin")
_LEFT_OUT_FILES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "WHEEL", "py.typed", ".lock")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first day: a build's own day would make every build another one


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes into one platform's zip. `python` is the platform's version, `prefix` where it unpacks the zip.

    An empty `python` compiles nothing. `files` stand in the project's folder `origin` and keep their places; proxy/
    goes into the folder `sources`.
    """

    name: str
    python: str
    wheels: str
    packages: tuple[str, ...]
    files: tuple[str, ...]
    without: tuple[str, ...]
    prefix: str
    limit: int
    zip_limit: int | None = None
    origin: str = "."
    sources: str = "."
    # The systems that tiktoken is taken for, compiled as it is: their files have names of their own, so that one zip
    # can serve two. None where the platform has no room for counting.
    tiktoken: tuple[str, ...] = ()


_AWS = ("adapters/aws_buffered.py", "adapters/aws_events.py", "adapters/aws_runtime.py", "adapters/aws_stream.py")
_SERVER = ("adapters/server.py", "adapters/server_h11.py", "adapters/server_httptools.py")
_SCF_ADAPTERS = ("adapters/scf_event.py", "adapters/scf_web.py")
_WORKERS = (
    *("adapters/workers.py", "adapters/workers_settings.py", "adapters/workers_stream.py"),
    "transports/fetch.py",
)
_ASGI = ("adapters/asgi.py", "adapters/asgi_http.py")
# What counts tokens, which a Worker has no tiktoken for.
_COUNTING = (
    *(f"tokens/{name}.py" for name in ("accounted", "vocabulary", "prompt", "schema", "images", "completion")),
    *(f"cost/{name}.py" for name in ("audio_size", "schema_size", "upper_bound")),
)
_ENGINES = tuple(f"transports/{name}.py" for name in ("connection", "direct", "http1", "httpx", "tls"))
# tiktoken has had no wheel for an older glibc since 0.12; Tencent's Python 3.10 has 2.28, by what its pages say.
_SCF_TIKTOKEN = ("x86_64-manylinux_2_28",)
_VOCABULARIES = "*.tiktoken.gz"
_EXECUTABLE = ("scf_bootstrap", "aws_bootstrap")
_SCF = number("tencent", "upload", "unpacked bundle")
BUNDLES = {
    bundle.name: bundle
    for bundle in (
        Bundle(
            "scf-web",
            "3.10",
            "x86_64-manylinux2014",
            (*_HTTPX, "click", "itsdangerous", "tomli", "uvicorn"),
            ("handler.py", "scf_bootstrap"),
            (
                *("cli", "__main__.py", "adapters/event_fields.py", "adapters/scf_event.py"),
                "adapters/server_httptools.py",
                *_AWS,
                *_WORKERS,
            ),
            "/var/user",
            int(_SCF),
            tiktoken=_SCF_TIKTOKEN,
        ),
        Bundle(
            "scf-event",
            "3.10",
            "x86_64-manylinux2014",
            (*_HTTPX, "itsdangerous", "tomli"),
            ("handler.py",),
            ("cli", "__main__.py", "adapters/scf_web.py", *_ASGI, *_SERVER, *_AWS, *_WORKERS),
            "/var/user",
            int(_SCF),
            tiktoken=_SCF_TIKTOKEN,
        ),
        # Both functions of each AWS template share it. All of its packages are pure Python but tiktoken, which is taken
        # for both, so that one zip serves arm64 and x86_64.
        Bundle(
            "aws",
            "3.13",
            "aarch64-manylinux2014",
            ("anyio", "certifi", "h11", "httpcore", "httpx", "idna", "itsdangerous", "mangum", "typing-extensions"),
            ("handler.py", "aws_bootstrap"),
            ("cli", "__main__.py", *_ASGI, *_SERVER, *_SCF_ADAPTERS, *_WORKERS),
            "/var/task",
            int(number("aws", "upload", "unpacked bundle")),
            int(number("aws", "upload", "zip")),
            tiktoken=("aarch64-manylinux_2_28", "x86_64-manylinux_2_28"),
        ),
        # The runtime brings its SDK along, and compiles at the upload, into a snapshot. The one package is pure Python.
        Bundle(
            "cloudflare",
            "",
            "x86_64-manylinux2014",
            ("itsdangerous",),
            ("wrangler.jsonc", "pyproject.toml", "src/entry.py"),
            (
                *("cli", "__main__.py", *_ASGI, "adapters/event_fields.py", "adapters/log_output.py"),
                *_SERVER,
                *_SCF_ADAPTERS,
                *_AWS,
                *_ENGINES,
                *_COUNTING,
            ),
            "",
            int(number("cloudflare", "upload", "Worker")),
            origin="cloudflare",
            sources="src",
        ),
    )
}


def run(name: str, output: str, tokens: bool = True) -> int:
    """Build one bundle into `output`/NAME and `output`/sluice-NAME.zip. Returns 1 with a sentence when it cannot be.

    Without `tokens` it cannot count them: it has neither tiktoken nor its vocabularies.
    """
    bundle = BUNDLES[name] if tokens else replace(BUNDLES[name], tiktoken=())
    folder = Path(output) / name
    steps = ("packages", "Sluice itself", "compiling", "sizes", "zip")
    try:
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
    packed = (folder.parent / f"sluice-{name}.zip").stat().st_size
    print(
        f"{folder.parent / f'sluice-{name}.zip'}: {packed / 1e6:.2f} MB, unpacked {_total(folder) / 1e6:.2f} MB "
        f"of the platform's {bundle.limit / 1e6:.0f} MB"
    )
    return 0


def add_packages(bundle: Bundle, folder: Path) -> None:
    """Unpack the locked wheels of the bundle's packages for the platform's Python, whatever runs here."""
    _install(bundle, bundle.packages, bundle.wheels, folder / bundle.sources)
    for position, system in enumerate(bundle.tiktoken):
        if not position:
            _install(bundle, ("tiktoken",), system, folder)
            continue
        with TemporaryDirectory() as other:  # the second system's compiled file beside the first's
            _install(bundle, ("tiktoken",), system, Path(other))
            for compiled in Path(other, "tiktoken").glob("*.so"):
                shutil.copyfile(compiled, folder / "tiktoken" / compiled.name)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and path.name in _LEFT_OUT:
            shutil.rmtree(path)
        elif path.is_file() and (path.name in _LEFT_OUT_FILES or path.suffix == ".pyi"):
            path.unlink()
        elif bundle.sources != "." and path.suffix == ".txt":  # a licence, which would be uploaded as a module
            path.rename(path.with_suffix(""))


def _install(bundle: Bundle, packages: tuple[str, ...], system: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    chosen = folder.parent / f"{bundle.name}.requirements"
    chosen.write_text(subset((ROOT / "requirements.txt").read_text(), packages))
    command = [_uv(), "pip", "install", "--quiet", "--target", str(folder), "-r", str(chosen), "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--link-mode", "copy"]
    command += ["--python-platform", system, "--python-version", bundle.python or "3.13"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 — our own arguments
    finally:
        chosen.unlink()
    if done.returncode:
        raise ConfigError(f"The packages could not be installed: {done.stderr.strip()}")


def subset(requirements: str, names: tuple[str, ...]) -> str:
    """The entries of `names` out of a locked list, hashes and all. Raises ConfigError when one is missing."""
    entries = dict(re.findall(r"^([a-z0-9-]+)(==.*?)(?=^[a-z#]|\Z)", requirements, re.MULTILINE | re.DOTALL))
    # Only Pythons that need them have these in their list; the marker in the entry decides.
    missing = [name for name in names if name not in entries and name not in ("sniffio", "exceptiongroup")]
    if missing:
        raise ConfigError(f"requirements.txt has no {missing[0]}; run `make lock`.")
    return "".join(f"{name}{entries[name]}" for name in names if name in entries)


def add_sources(bundle: Bundle, folder: Path) -> None:
    """Copy proxy/ without what the platform does not use, and the platform's own files."""
    proxy = folder / bundle.sources / "proxy"
    shutil.copytree(ROOT / "proxy", proxy, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"), dirs_exist_ok=True)
    for name in bundle.without:
        path = proxy / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if bundle.sources != ".":
        pack_console(proxy / "endpoints" / "console")
    if not bundle.tiktoken:
        for path in (proxy / "data").glob(_VOCABULARIES):
            path.unlink()
    if "certifi" in bundle.packages:
        hash_folder(folder / "certifi" / "cacert.pem", proxy / "transports" / "certificates")
    for name in bundle.files:
        text = (
            (ROOT / bundle.origin / name).read_bytes().replace(b"\r\n", b"\n")
        )  # a checkout on Windows may have changed them
        (folder / name).write_bytes(text)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    own = ROOT / "sluice.toml"
    if own.is_file() and "handler.py" in bundle.files:
        print("      with your sluice.toml: keys that stand in it are in the zip too")
        shutil.copyfile(own, folder / own.name)


def pack_console(folder: Path) -> None:
    """Turn the console's files into one module, for a platform to which Python alone is uploaded."""
    files = {path.name: path.read_text(encoding="utf-8") for path in _files(folder) if path.suffix != ".py"}
    lines = [f"    {name!r}: {text!r}," for name, text in files.items()]
    for name in files:
        (folder / name).unlink()
    text = "\n".join(['"""What the console is made of, as text."""', "", "FILES = {", *lines, "}", ""])
    (folder / "packed.py").write_text(text, encoding="utf-8", newline="\n")


def compile_all(bundle: Bundle, folder: Path) -> None:
    """Compile for the platform's Python, if there is one here: functions cannot write `.pyc` files of their own.

    The files are never checked against their sources: a zip keeps times to two seconds, so all would count as stale.
    """
    if not bundle.python:
        return
    python = find_python(bundle.python)
    if python is None:
        print(f"      Python {bundle.python} is not on this machine: no .pyc files, so cold starts take twice the CPU")
        return
    modes = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", bundle.prefix]
    # -S and a bare environment: what else runs in that Python (a debugger, coverage) would show in the files' bytes, as
    # does the order of sets.
    command = [python, "-S", "-m", "compileall", "-q", "-f", *modes, str(folder)]
    environ = {"PYTHONHASHSEED": "0", **{name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)  # noqa: S603
    if done.returncode:
        raise ConfigError(f"Compiling failed: {done.stdout.strip()}")


def check_size(bundle: Bundle, folder: Path) -> None:
    """Raise ConfigError, naming the largest file, when the platform would refuse the bundle."""
    total = _total(folder)
    if total > bundle.limit:
        largest = max(_files(folder), key=lambda path: path.stat().st_size)
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
    return 0o755 if name in _EXECUTABLE else 0o644


def pack(folder: Path, target: Path) -> None:
    """Zip a folder so that equal folders give equal zips: names in order, one date, modes by kind."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in _files(folder):
            name = path.relative_to(folder).as_posix()
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, or the modes below mean nothing
            entry.external_attr = (0o100000 | _mode(name)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
    target.chmod(0o644)


def find_python(version: str) -> str | None:
    """A Python of that minor version: this one, one on the PATH, or one of pyenv's."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == version:
        return sys.executable
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    known = sorted(root.glob(f"versions/{version}.*/bin/python"))
    candidates = [str(path) for path in known[-1:]] + [found for found in [shutil.which(f"python{version}")] if found]
    for candidate in candidates:  # pyenv's own stand-ins on the PATH are there also for versions that are not
        asked = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
        if done.stdout.strip() == version:
            return candidate
    return None


def _uv() -> str:
    beside = Path(sys.executable).parent / ("uv.exe" if os.name == "nt" else "uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise ConfigError("uv is not installed. `make setup` installs it, or: pip install uv")
    return found


def _files(folder: Path) -> list[Path]:
    return sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.as_posix())


def _total(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))
