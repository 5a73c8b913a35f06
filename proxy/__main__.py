"""`python -m proxy`: the commands. Each is a file under proxy/cli, imported only when it runs."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.cli.arguments import parser
from proxy.errors import ConfigError

if TYPE_CHECKING:
    from argparse import Namespace

    from proxy.cli.env_file import EnvFile

# The commands that read settings, and so `.env`.
_WITH_SETTINGS = ("serve", "doctor", "keys", "usage")
ROOT = Path(__file__).resolve().parent.parent
# What the commands import. A system Python may happen to have some of these.
PACKAGES = ("httpx", "itsdangerous", "tiktoken", "uvicorn")


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns its exit code, 0 on success."""
    options = parser().parse_args(arguments)
    try:
        env_file = _env_file(options)
    except ConfigError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 1
    if options.command == "doctor":
        return _doctor(options)
    if options.command == "limits":
        return _limits(options)
    if options.command == "keys":
        return _keys(options)
    if options.command == "init":
        from proxy.cli.init import command
        from proxy.cli.init.options import options_of

        return command.run(os.environ, options_of(options))
    if options.command == "tokens":
        from proxy.cli import tokens

        return tokens.run(options.file, options.model)
    if options.command == "usage":
        return _usage(options)
    if options.command == "bundle":
        from proxy.cli.bundle.command import build_bundle

        return build_bundle(options.name, options.output, tokens=not options.no_tokens)
    from proxy.cli import serve

    return serve.run(options.host, options.port, options.demo, options.kind, options.workers, env_file=env_file)


def _env_file(options: Namespace) -> EnvFile:
    """What the current folder's `.env` added to the environment. Raises ConfigError if it cannot be read."""
    from proxy.cli import env_file

    return env_file.load(os.environ, Path()) if options.command in _WITH_SETTINGS else env_file.EnvFile()


def _limits(options: Namespace) -> int:
    if options.write:
        from proxy.cli import limits

        return limits.write()
    from proxy.cli import language, limits_table

    return limits_table.run(options.platform, options.lang or language.language_of(os.environ))


def _keys(options: Namespace) -> int:
    if options.action in ("revoke", "list"):
        from proxy.cli import key_records

        if options.action == "revoke":
            return key_records.run_revoke(os.environ, options.subject)
        return key_records.run_list(os.environ, options.json)
    from proxy.cli import keys

    if options.action == "inspect":
        return keys.run_inspect(os.environ, options.key)
    fields = ("name", "days", "models", "paths", "max_output_tokens", "budget_usd", "per", "rpm", "tpm", "parallel")
    return keys.run_mint(os.environ, keys.KeyRequest(**{name: getattr(options, name) for name in fields}))


def _doctor(options: Namespace) -> int:
    from proxy.cli.doctor import command

    return command.run(
        os.environ,
        command.Options(
            options.url,
            options.key,
            options.model,
            options.json,
            options.size,
            options.lang,
            options.report,
            options.with_host,
        ),
    )


def _usage(options: Namespace) -> int:
    from proxy.cli.usage import command
    from proxy.cli.usage.options import Options

    names = ("by", "since", "until", "utc_offset", "format")
    return command.run(os.environ, Options(tuple(options.files), **{name: getattr(options, name) for name in names}))


def environment() -> Path | None:
    """The Python of the project's virtual environment, if it exists and the running Python lacks packages.

    Whoever types `python -m proxy …` in a fresh terminal means that environment.
    """
    if all(find_spec(name) is not None for name in PACKAGES):
        return None
    folder = ROOT / os.environ.get("VENV", ".venv")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return python if python.exists() and Path(sys.prefix) != folder else None


def start() -> int:
    """Run `main` in the environment that has its packages."""
    if (python := environment()) is not None:
        from proxy.cli import child  # not os.exec…, which does not wait on Windows

        return child.run([str(python), "-m", "proxy", *sys.argv[1:]])
    try:
        return main()
    except BrokenPipeError:  # pragma: no cover — only in a process of its own: the reader has left (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit does not fail again
        return 1


if __name__ == "__main__":
    sys.exit(start())
