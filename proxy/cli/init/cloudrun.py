"""The commands that deploy to Google Cloud Run from source, with the keys in the Secret Manager."""

from __future__ import annotations

import shlex

from proxy.cli.init.plan import Plan, piped

# The settings that may be plain variables of the service. All others are secrets.
_PLAIN = ("ACCESS", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GEMINI_BASE_URL", "MAX_COST_USD", "KEY_BUDGET_USD")
_ACCOUNT = "sluice@$PROJECT.iam.gserviceaccount.com"
_APIS = "run cloudbuild artifactregistry secretmanager"


def lines(plan: Plan) -> list[str]:
    """The commands, as docs/deploy-cloudrun.md has them. A sluice.toml is in the bundle."""
    names = ("ACCESS",) if plan.is_toml else plan.names
    plain = {name: plan.settings[name] for name in names if name in _PLAIN}
    secret = [name for name in names if name not in _PLAIN]
    variables = ",".join(f"{name}={value}" for name, value in plain.items())
    shown = [
        "  export PROJECT=your-project REGION=us-central1",
        "  gcloud config set project $PROJECT",
        f"  gcloud services enable {' '.join(f'{name}.googleapis.com' for name in _APIS.split())}",
        "  gcloud iam service-accounts create sluice",
    ]
    for name in secret:
        role = f"--member serviceAccount:{_ACCOUNT} --role roles/secretmanager.secretAccessor"
        shown.append(f"  {piped(name)} | gcloud secrets create {name} --data-file=-")
        shown.append(f"  gcloud secrets add-iam-policy-binding {name} {role}")
    mounted = f" --set-secrets {','.join(f'{name}={name}:latest' for name in secret)}" if secret else ""
    return [
        *shown,
        "  python dev.py bundle cloudrun",
        "  gcloud run deploy sluice --source build/cloudrun --region $REGION --no-invoker-iam-check \\",
        f"    --service-account {_ACCOUNT} --max-instances 3 --concurrency 80 --memory 512Mi \\",
        f"    --timeout 3600 --set-env-vars {shlex.quote(variables)},CLOUD_RUN_REGION=$REGION{mounted}",
    ]
