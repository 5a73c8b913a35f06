"""What the Functions host starts (host.json): our server. All settings are the app's settings, its environment."""

from __future__ import annotations

import os

# Who may call, said in so many words: a deployment without its keys refuses every call and says what is missing.
# Another mode is a setting of the app: az functionapp config appsettings set … --settings ACCESS=pass-through
os.environ.setdefault("ACCESS", "proxy-key")

from proxy.adapters.azure_functions import main

if __name__ == "__main__":
    main()
