"""The commands and their options, as an argument parser."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from proxy import __version__
from proxy.cli.language import LANGUAGES
from proxy.platforms import registry
from proxy.settings.example_models import EXAMPLE, EXAMPLE_PATTERN


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m proxy`."""
    program = "sluice" if Path(sys.argv[0]).stem == "sluice" else "python -m proxy"
    made = argparse.ArgumentParser(prog=program, description="Your own LLM endpoint on any cloud function.")
    made.add_argument("--version", action="version", version=f"Sluice {__version__}")
    commands = made.add_subparsers(dest="command", metavar="command", required=True)
    _add_serve(commands.add_parser("serve", help="run the relay on this machine"))
    bundle = commands.add_parser("bundle", help="build what you upload to a platform")
    bundle.add_argument("name", choices=tuple(registry.BUNDLES))
    bundle.add_argument("--output", default="build", help="folder to build in (default: build)")
    bundle.add_argument(
        "--no-tokens", action="store_true", help="leave out token counting: tiktoken and its vocabularies"
    )
    tokens = commands.add_parser("tokens", help="count the tokens of a text, of messages or of requests")
    tokens.add_argument("file", help="a text file, JSON with messages, or JSONL with one request per line; - for stdin")
    tokens.add_argument("--model", default=EXAMPLE, help=f"model for input that does not name one (default: {EXAMPLE})")
    _add_usage(commands.add_parser("usage", help="add up calls, tokens and cost, from the log or the store"))
    _add_keys(commands.add_parser("keys", help="create, inspect, revoke or list keys for other people"))
    _add_init(commands.add_parser("init", help="ask what a first configuration needs, and write it to .env"))
    _add_doctor(commands.add_parser("doctor", help="find problems in a deployed endpoint, or in the local setup"))
    limits = commands.add_parser("limits", help="show each platform's limits and what happens beyond them")
    limits.add_argument(
        "--platform", choices=[platform.name for platform in registry.PLATFORMS], help="show only this one"
    )
    _add_language(limits)
    limits.add_argument("--write", action="store_true", help="regenerate docs/limits.md and its Chinese version")
    return made


def _add_language(command: argparse.ArgumentParser) -> None:
    command.add_argument("--lang", choices=LANGUAGES, help="language of the output (default: from the locale)")


def _add_serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, only you)")
    command.add_argument("--port", type=int, default=9000, help="port to listen on; 0 for any free one (default: 9000)")
    command.add_argument(
        "--as",
        dest="kind",
        choices=("server", "lambda-stream"),
        default="server",
        help="lambda-stream runs the streaming Lambda function behind a simulated Runtime API",
    )
    command.add_argument("--demo", action="store_true", help="answer from the embedded demo upstream; needs no key")
    command.add_argument(
        "--workers", type=_processes, default=1, metavar="N", help="processes to run, one per CPU core (default: 1)"
    )


def _add_init(command: argparse.ArgumentParser) -> None:
    from proxy.cli.init.options import add_arguments

    add_arguments(command)


def _processes(text: str) -> int:
    from proxy.cli import process_count

    try:
        return process_count.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_usage(command: argparse.ArgumentParser) -> None:
    from proxy.cli.usage.options import GROUPS, day, groups, utc_offset

    command.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="log files, exports, gzip files or folders of them; - for stdin (default: the store that STORE names)",
    )
    command.add_argument(
        "--by",
        type=groups,
        default=("key", "model"),
        metavar="NAMES",
        help=f"what to group by, separated by commas: {', '.join(GROUPS)} (default: key,model)",
    )
    command.add_argument("--since", type=day, metavar="YYYY-MM-DD", help="first day to count")
    command.add_argument("--until", type=day, metavar="YYYY-MM-DD", help="last day to count")
    command.add_argument(
        "--utc-offset",
        type=utc_offset,
        default="+00:00",
        metavar="+HH:MM",
        help="where days begin, such as +08:00 (default: UTC)",
    )
    formats = command.add_mutually_exclusive_group()
    for name, meaning in (("csv", "CSV for a spreadsheet"), ("json", "one JSON object")):
        formats.add_argument(
            f"--{name}", dest="format", action="store_const", const=name, default="text", help=f"print {meaning}"
        )


def _add_keys(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", metavar="mint|inspect|revoke|list", required=True)
    mint = actions.add_parser("mint", help="print a new key; needs SIGNING_SECRET")
    mint.add_argument("--name", required=True, help="who the key is for; appears in the log and works in REVOKED_KEYS")
    mint.add_argument("--days", type=float, default=30, help="days until it expires (default: 30)")
    mint.add_argument(
        "--models", help=f"comma-separated names or patterns, such as '{EXAMPLE_PATTERN},deepseek-*' (default: all)"
    )
    mint.add_argument("--paths", help="comma-separated paths below /v1, such as chat,embeddings (default: all)")
    mint.add_argument("--max-output-tokens", type=int, help="maximum output tokens per request (default: no limit)")
    mint.add_argument("--budget-usd", type=float, help="US dollars that all its calls may cost together")
    mint.add_argument("--per", choices=("day", "month", "total"), help="when the budget starts again (default: month)")
    mint.add_argument("--rpm", type=int, help="requests in any minute")
    mint.add_argument("--tpm", type=int, help="tokens in any minute, input and output")
    mint.add_argument("--parallel", type=int, help="calls at the same time")
    inspect = actions.add_parser(
        "inspect", help="print what a key allows, and whether it is still valid; needs SIGNING_SECRET"
    )
    inspect.add_argument("key", help="the key; - reads it from stdin, which keeps it out of the shell's history")
    revoke = actions.add_parser("revoke", help="refuse keys from the next call on; needs STORE")
    revoke.add_argument(
        "subject", metavar="NAME_OR_ID", help="the name or the id of keys; - reads a whole key from stdin"
    )
    listing = actions.add_parser("list", help="show the keys that were used, and what they have spent; needs STORE")
    listing.add_argument("--json", action="store_true", help="print one JSON object")


def _add_doctor(command: argparse.ArgumentParser) -> None:
    command.add_argument("--url", help="endpoint to check; without it, the local setup is checked")
    command.add_argument(
        "--key",
        help="only -, which reads the key from stdin; otherwise SLUICE_KEY or PROXY_KEY is used, or OPENAI_API_KEY if "
        "the endpoint's callers bring their own key",
    )
    command.add_argument("--model", help="model to call (default: a cheap one that the endpoint offers)")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--size", action="store_true", help="also send bodies near the platform's limit (no tokens)")
    _add_language(command)
    command.add_argument(
        "--report",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write a report to share, as Markdown, to FILE or to stdout; it has no key, address or answer in it",
    )
    command.add_argument("--with-host", action="store_true", help="name the host in the report")
