"""The commands that deploy to Azure Functions, with the keys as settings of the app."""

from __future__ import annotations

from proxy.cli.init.plan import Plan, with_settings

_APP = "--name $NAME --resource-group sluice"
_SET = f"az functionapp config appsettings set {_APP} --output none --settings"
# Its own page at / is switched off with this.
_HOMEPAGE = "AzureWebJobsDisableHomepage"


def lines(plan: Plan) -> list[str]:
    """The commands, as docs/deploy-azure.md has them. A sluice.toml is in the bundle.

    The keys reach `az` as JSON through a pipe: it reads a setting that is `@-` from standard input (azure-cli-core
    2.91.0, commands/__init__.py, read 2026-11-27).
    """
    plain = f"  {_SET} {_HOMEPAGE}=true ACCESS={plan.settings['ACCESS']}"
    return [
        "  python dev.py bundle azure",
        "  export NAME=sluice-$(openssl rand -hex 4) STORAGE=sluice$(openssl rand -hex 6)",
        "  az login",
        "  az group create --name sluice --location eastus2",
        (
            "  az storage account create --name $STORAGE --resource-group sluice --location eastus2 --sku Standard_LRS "
            "--allow-blob-public-access false"
        ),
        (
            f"  az functionapp create {_APP} --storage-account $STORAGE --flexconsumption-location eastus2 "
            "--runtime python --runtime-version 3.13 --https-only true"
        ),
        plain,
        *([] if plan.is_toml else [f"{with_settings(plan, _as_json(plan.names))} | {_SET} @-"]),
        f"  az functionapp scale config set {_APP} --trigger-type http --trigger-settings perInstanceConcurrency=50",
        f"  az functionapp deployment source config-zip {_APP} --src build/sluice-azure.zip",
        (
            "  az functionapp config hostname list --webapp-name $NAME --resource-group sluice "
            '--query "[].name" --output tsv'
        ),
    ]


def _as_json(names: tuple[str, ...]) -> str:
    """A command that prints these variables as a JSON object."""
    code = f"import json, os; print(json.dumps({{name: os.environ[name] for name in {' '.join(names)!r}.split()}}))"
    return f'python -c "{code}"'
