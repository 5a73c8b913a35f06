"""The commands that deploy a configuration to each platform.

No key stands in a command: the shell reads it from the file, and hands it on in the environment or through a pipe. So
it is neither in the shell's history nor in the list of processes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from proxy.cli.init import sam
from proxy.cli.init.options import OWN_KEYS, PROXY_KEY, SIGNED_KEYS
from proxy.cli.init.session import Session
from proxy.platforms.platform import Platform

ADDRESS = "https://YOUR-ADDRESS"
LOCAL_ADDRESS = "http://127.0.0.1:9000"
_PAGES = {"server": "docs/deploy-container.md"}
_MANIFESTS = ("tencent", "aliyun", "aws")  # the platforms whose settings pass through a file of ours
_VARIABLE = re.compile(r"^ +([A-Z][A-Z_]+): ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is deployed. `file` is the name of the file with the settings, in the session's folder."""

    session: Session
    platform: Platform
    access: str
    settings: Mapping[str, str]
    file: str

    @property
    def is_toml(self) -> bool:
        return self.session.options.toml

    @property
    def names(self) -> tuple[str, ...]:
        """The settings that are set."""
        return tuple(name for name, value in self.settings.items() if value)

    @property
    def is_checkout(self) -> bool:
        """Whether the folder has the files that deploy: those of the package alone do not."""
        return (self.session.folder / "handler.py").exists()

    @property
    def page(self) -> str:
        """The page about the platform, in the reader's language if it has one."""
        page = _PAGES.get(self.platform.name, f"docs/deploy-{self.platform.name}.md")
        chinese = page.replace(".md", ".zh-CN.md")
        return chinese if self.session.language == "zh" and (self.session.folder / chinese).exists() else page

    def text(self, name: str, **values: object) -> str:
        """One of the texts in the reader's language."""
        return self.session.texts[name].format(**values)


def check(plan: Plan) -> None:
    """Raise ConfigError if the platform's manifest cannot take one of these settings."""
    if plan.is_toml or plan.platform.name not in _MANIFESTS:
        return
    missing = sam.missing_secrets(plan.access, plan.names) if plan.platform.name == "aws" else []
    # Its JSON would have to be quoted once more for YAML.
    missing += [name for name in plan.names if name == "UPSTREAMS"]
    if missing:
        raise plan.session.stop("toml.needed", platform=plan.platform.title, names=", ".join(missing))


def lines(plan: Plan) -> list[str]:
    """What to print: sentences, and commands with two spaces before them."""
    has_files = plan.is_checkout or plan.platform.name == "server"
    recipe = _RECIPES.get(plan.platform.name, _page) if has_files else _page
    shown = [plan.text("commands", folder=plan.session.folder), *recipe(plan)]
    if plan.is_toml and plan.platform.functions[0].bundle is not None:
        shown.append(plan.text("bundled"))
    if plan.access == SIGNED_KEYS:
        shown += [plan.text("mint"), _with_settings(plan, "python -m proxy keys mint --name alice")]
    shown += [plan.text("check.after"), _doctor(plan)]
    return [*shown, plan.text("more", page=plan.page)]


def _server(plan: Plan) -> list[str]:
    return [*_load(plan), f"  {_config(plan)}python -m proxy serve"]


def _tencent(plan: Plan) -> list[str]:
    return [
        *_additions(plan, "serverless.yml", "      {name}: '${{env:{name}}}'"),
        "  python dev.py bundle scf-web",
        *_load(plan),
        "  scf deploy",
    ]


def _aliyun(plan: Plan) -> list[str]:
    return [
        *_additions(plan, "s.yaml", "        {name}: \"${{env('{name}')}}\""),
        "  python dev.py bundle aliyun",
        *_load(plan),
        "  s deploy -y",
    ]


def _aws(plan: Plan) -> list[str]:
    template = sam.template(plan.access)
    parameters, stored = sam.answers(plan.access, plan.names if not plan.is_toml else ())
    shown = _additions(plan, template, "        {name}: '{value}'", set(sam.PARAMETERS.values()))
    for setting, name in stored.items():
        shown += [plan.text("guide.ssm"), f"  {_piped(setting)} | aws ssm put-parameter --name {name} \\"]
        shown += ["    --type String --overwrite --value file:///dev/stdin"]
    option = "" if template == sam.TEMPLATE else f" --template-file {template}"
    shown += ["  python dev.py bundle aws", f"  sam deploy --guided{option}", plan.text("guide.answers")]
    for parameter, answer in parameters.items():
        name = answer.lower() if plan.is_toml else answer
        value = plan.text("guide.value", setting=name, path=plan.file) if answer in sam.PARAMETERS.values() else answer
        shown.append(f"    Parameter {parameter}: {value}")
    return shown


def _cloudflare(plan: Plan) -> list[str]:
    names = (name for name in plan.names if name != "ACCESS")  # that is a variable of wrangler.jsonc
    put = [f"  {_piped(name, '../../')} | npx wrangler secret put {name}" for name in names]
    text = plan.text("set.access", access="pass-through", file="cloudflare/wrangler.jsonc")
    return [
        *([text] if plan.access == OWN_KEYS else []),
        "  python dev.py bundle cloudflare",
        "  cd build/cloudflare",
        "  uv run pywrangler deploy",
        *put,
        "  cd ../..",
    ]


def _vercel(plan: Plan) -> list[str]:
    names = ("ACCESS",) if plan.is_toml else plan.names
    piped = {name: "printf %s pass-through" if plan.is_toml else _piped(name, "../../") for name in names}
    if plan.is_toml and plan.access != OWN_KEYS:
        piped = {}  # vercel/app.py says proxy-key by itself
    put = [f"  {command} | npx vercel env add {name} production" for name, command in piped.items()]
    steps = ("  python dev.py bundle vercel", "  cd build/vercel", "  npx vercel link")
    return [*steps, *put, "  npx vercel deploy --prod", "  cd ../.."]


def _page(plan: Plan) -> list[str]:
    return [plan.text("page", page=plan.page, path=plan.file, names=", ".join(plan.names))]


_RECIPES: dict[str, Callable[[Plan], list[str]]] = {
    "server": _server,
    "tencent": _tencent,
    "aliyun": _aliyun,
    "aws": _aws,
    "cloudflare": _cloudflare,
    "vercel": _vercel,
}


def _load(plan: Plan) -> list[str]:
    """Make the settings variables of the shell. The manifests want three of them, empty or not."""
    if not plan.is_toml:
        return [f"  set -a; . ./{plan.file}; set +a"]
    return [] if plan.platform.name == "server" else ["  export ACCESS= OPENAI_API_KEY= PROXY_KEY="]


def _piped(name: str, folder: str = "./") -> str:
    """A command that prints one setting, without a line end. `printf` is the shell's own, so no process shows it."""
    return f'(. {folder}.env; printf %s "${name}")'


def _additions(plan: Plan, manifest: str, line: str, known: set[str] | None = None) -> list[str]:
    """The lines that a manifest lacks, so that it hands all settings on."""
    if plan.is_toml:
        return []
    passed = set(_VARIABLE.findall((plan.session.folder / manifest).read_text(encoding="utf-8"))) | (known or set())
    missing = {name: plan.settings[name] for name in plan.names if name not in passed}
    lines = [line.format(name=name, value=value) for name, value in missing.items()]
    return [plan.text("add.lines", file=manifest), *lines] if lines else []


def _with_settings(plan: Plan, command: str) -> str:
    return f"  {_config(plan)}{command}" if plan.is_toml else f"  (set -a; . ./{plan.file}; set +a; {command})"


def _doctor(plan: Plan) -> str:
    command = f"python -m proxy doctor --url {LOCAL_ADDRESS if plan.platform.name == 'server' else ADDRESS}"
    if plan.access == PROXY_KEY and not plan.is_toml:
        return f'  (. ./{plan.file}; SLUICE_KEY="$PROXY_KEY" {command})'
    return f"  {command} --key -"


def _config(plan: Plan) -> str:
    """Names the file where Sluice would not look for it by itself: outside of a checkout."""
    return "" if plan.is_checkout or not plan.is_toml else f"CONFIG_FILE={plan.file} "
