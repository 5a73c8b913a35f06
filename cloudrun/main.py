"""What Cloud Run starts in a source deployment (Procfile). All settings are the service's variables and secrets."""

from __future__ import annotations

import os

# Who may call, said in so many words: a deployment without its keys refuses every call and says what is missing.
# Another mode is a variable of the service: gcloud run services update sluice --update-env-vars ACCESS=pass-through
os.environ.setdefault("ACCESS", "proxy-key")

from proxy.adapters.cloudrun import main

if __name__ == "__main__":
    main()
