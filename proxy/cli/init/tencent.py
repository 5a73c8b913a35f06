"""The commands that deploy to Tencent's SCF, with `tccli`: as docs/deploy-tencent.md has them."""

from __future__ import annotations

from proxy.cli.init.plan import Plan, with_settings

_REGION = "ap-singapore"
_TAKEN = ("ACCESS", "OPENAI_API_KEY", "PROXY_KEY")  # which tools/scf_requests.py takes by itself


def lines(plan: Plan) -> list[str]:
    """The commands. A sluice.toml is in the bundle, and then the function has no variables."""
    more = [] if plan.is_toml else [name for name in plan.names if name not in _TAKEN]
    write = " ".join(["python -m tools.scf_requests web", *more])
    function = f"--region {_REGION} --FunctionName sluice"
    return [
        "  pip install tccli",
        "  tccli auth login",
        "  python dev.py bundle scf-web",
        f"  {write}" if plan.is_toml else with_settings(plan, write),
        f"  tccli scf CreateFunction --region {_REGION} --cli-input-json file://build/scf-function.json",
        f"  tccli scf GetFunction {function} --waiter \"{{'expr': 'Status', 'to': 'Active'}}\"",
        f"  tccli scf CreateTrigger --region {_REGION} --cli-input-json file://build/scf-url.json",
        f"  tccli scf ListTriggers {function}",
        "  rm build/scf-*.json",
    ]
