"""`python -m proxy`: the commands. Each stands in a file of its own under proxy/cli and is imported when called."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from proxy.platforms import registry

ROOT = Path(__file__).resolve().parent.parent
# What the commands take. A Python may have some of them for another reason.
PACKAGES = ("httpx", "itsdangerous", "tiktoken", "uvicorn")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is 0 when it did what it was asked to."""
    parser = argparse.ArgumentParser(prog="python -m proxy", description="Your own LLM endpoint on any cloud function.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve on this machine")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default 127.0.0.1: only you)")
    serve.add_argument(
        "--port", type=int, default=9000, help="the port to listen on; 0 takes a free one (default 9000)"
    )
    serve.add_argument(
        "--as",
        dest="kind",
        choices=("server", "lambda-stream"),
        default="server",
        help="lambda-stream runs the streaming Lambda function behind a simulator of AWS's Runtime API",
    )
    serve.add_argument("--demo", action="store_true", help="answer from the embedded demo upstream; needs no key")
    serve.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes that share the port, one a core (default 1)",
    )
    bundle = commands.add_parser("bundle", help="make what to upload to a platform")
    bundle.add_argument("name", choices=tuple(registry.BUNDLES))
    bundle.add_argument("--output", default="build", help="the folder to build in (default build)")
    bundle.add_argument(
        "--no-tokens", action="store_true", help="leave out what counting tokens takes: tiktoken and its vocabularies"
    )
    tokens = commands.add_parser("tokens", help="count the tokens of a text, of messages or of requests")
    tokens.add_argument("file", help="a text, JSON with messages, or JSONL with a request a line; - reads stdin")
    tokens.add_argument("--model", default="gpt-4o", help="for what names no model itself (default gpt-4o)")
    keys = commands.add_parser("keys", help="make keys to give away, or look into one; needs SIGNING_SECRET")
    doing = keys.add_subparsers(dest="doing", required=True)
    mint = doing.add_parser("mint", help="print a new key")
    mint.add_argument("--name", required=True, help="whose it is: shown in the log, and what REVOKED_KEYS may name")
    mint.add_argument("--days", type=float, default=30, help="how long it is valid (default 30)")
    mint.add_argument("--models", help="a comma list of names or patterns, 'gpt-4o*,deepseek-*'; none: all")
    mint.add_argument("--paths", help="a comma list of paths below /v1, such as chat,embeddings; none: all")
    mint.add_argument("--max-output-tokens", type=int, help="the most tokens that one request may have generated")
    inspect = doing.add_parser("inspect", help="print what a key may, and whether it would be refused")
    inspect.add_argument("key", help="the key; - reads it from standard input, where no history keeps it")
    _add_doctor(commands)
    limits = commands.add_parser("limits", help="print what each platform takes, and what happens above that")
    limits.add_argument("--platform", choices=[one.name for one in registry.PLATFORMS], help="only this one")
    limits.add_argument("--write", action="store_true", help="write docs/limits.md and its Chinese page anew")
    options = parser.parse_args(arguments)
    if options.command == "doctor":
        return _doctor(options)
    if options.command == "limits":
        from proxy.cli import limits as printing

        return printing.write() if options.write else printing.run(options.platform)
    if options.command == "keys":
        from proxy.cli import keys as minting

        if options.doing == "inspect":
            return minting.run_inspect(os.environ, options.key)
        fields = ("name", "days", "models", "paths", "max_output_tokens")
        return minting.run_mint(os.environ, minting.Asked(**{one: getattr(options, one) for one in fields}))
    if options.command == "tokens":
        from proxy.cli import tokens as counting

        return counting.run(options.file, options.model)
    if options.command == "bundle":
        from proxy.cli.bundle.command import build_bundle

        return build_bundle(options.name, options.output, tokens=not options.no_tokens)
    from proxy.cli import serve as serving

    return serving.run(options.host, options.port, options.demo, options.kind, options.workers)


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "doctor", help="find out what is wrong with a deployed endpoint, or with the settings and bundles here"
    )
    command.add_argument("--url", help="the endpoint to probe; without it this machine is looked at")
    command.add_argument(
        "--key",
        help="only -: read the key from standard input; else SLUICE_KEY or PROXY_KEY has it, and OPENAI_API_KEY for a "
        "Sluice whose callers send their own",
    )
    command.add_argument("--model", help="the model to ask (default: a cheap one that the endpoint has)")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--size", action="store_true", help="also send bodies near the platform's limit (no tokens)")
    command.add_argument("--lang", choices=("en", "zh"), help="the language (default: the locale's)")


def _doctor(options: argparse.Namespace) -> int:
    from proxy.cli.doctor import command

    chosen = command.Options(options.url, options.key, options.model, options.json, options.size, options.lang)
    return command.run(os.environ, chosen)


def environment() -> Path | None:
    """The Python of the project's own environment, where that has been made and the one that runs this lacks packages.

    Whoever types `python -m proxy …` in a fresh terminal means that environment, which `make` has made.
    """
    if all(find_spec(name) is not None for name in PACKAGES):
        return None
    folder = ROOT / os.environ.get("VENV", ".venv")
    made = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return made if made.exists() and Path(sys.prefix) != folder else None


def start() -> int:
    """`main`, in the environment that has what it takes."""
    if (python := environment()) is not None:
        from proxy.cli import child  # Windows knows no exec that waits

        return child.run([str(python), "-m", "proxy", *sys.argv[1:]])
    try:
        return main()
    except (
        BrokenPipeError
    ):  # pragma: no cover — its process ends without a word: whoever read along has left (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its end
        return 1


if __name__ == "__main__":
    sys.exit(start())
