"""The commands that deploy a configuration to each platform.

No key stands in a command: the shell reads it from the file, and hands it on in the environment or through a pipe. So
it is neither in the shell's history nor in the list of processes.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.cli.init import azure, cloudrun, sam, tencent
from proxy.cli.init.options import OWN_KEYS, PROXY_KEY, SIGNED_KEYS
from proxy.cli.init.plan import Plan, additions, config_file, load, piped, with_settings

ADDRESS = "https://YOUR-ADDRESS"
LOCAL_ADDRESS = "http://127.0.0.1:9000"
_MANIFESTS = ("aliyun", "aws")  # the platforms whose settings pass through a file of ours


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
        shown += [plan.text("mint"), with_settings(plan, "python -m proxy keys mint --name alice")]
    shown += [plan.text("check.after"), _doctor(plan)]
    return [*shown, plan.text("more", page=plan.page)]


def _server(plan: Plan) -> list[str]:
    return [*load(plan), f"  {config_file(plan)}python -m proxy serve"]


def _aliyun(plan: Plan) -> list[str]:
    return [
        *additions(plan, "s.yaml", "        {name}: \"${{env('{name}')}}\""),
        "  python dev.py bundle aliyun",
        *load(plan),
        "  s deploy -y",
    ]


def _aws(plan: Plan) -> list[str]:
    template = sam.template(plan.access)
    parameters, stored = sam.answers(plan.access, plan.names if not plan.is_toml else ())
    shown = additions(plan, template, "        {name}: '{value}'", set(sam.PARAMETERS.values()))
    for setting, name in stored.items():
        shown += [plan.text("guide.ssm"), f"  {piped(setting)} | aws ssm put-parameter --name {name} \\"]
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
    put = [f"  {piped(name, '../../')} | npx wrangler secret put {name}" for name in names]
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
    values = {name: "printf %s pass-through" if plan.is_toml else piped(name, "../../") for name in names}
    if plan.is_toml and plan.access != OWN_KEYS:
        values = {}  # vercel/app.py says proxy-key by itself
    put = [f"  {command} | npx vercel env add {name} production" for name, command in values.items()]
    steps = ("  python dev.py bundle vercel", "  cd build/vercel", "  npx vercel link")
    return [*steps, *put, "  npx vercel deploy --prod", "  cd ../.."]


def _page(plan: Plan) -> list[str]:
    return [plan.text("page", page=plan.page, path=plan.file, names=", ".join(plan.names))]


_RECIPES: dict[str, Callable[[Plan], list[str]]] = {
    "server": _server,
    "tencent": tencent.lines,
    "aliyun": _aliyun,
    "aws": _aws,
    "cloudflare": _cloudflare,
    "vercel": _vercel,
    "azure": azure.lines,
    "cloudrun": cloudrun.lines,
}


def _doctor(plan: Plan) -> str:
    command = f"python -m proxy doctor --url {LOCAL_ADDRESS if plan.platform.name == 'server' else ADDRESS}"
    if plan.access == PROXY_KEY and not plan.is_toml:
        return f'  (. ./{plan.file}; SLUICE_KEY="$PROXY_KEY" {command})'
    return f"  {command} --key -"
