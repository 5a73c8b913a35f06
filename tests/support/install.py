"""`python -m tests.support.install`: what tests install beside the environment, which two runs at once must not do."""

from __future__ import annotations

from tests.support import agents, edgeone, node, sam
from tests.support.paths import TESTS
from tests.support.workers import install_sdk

if __name__ == "__main__":
    for parts in sorted(TESTS.glob("*/package.json")):
        node.packages(parts.parent)
    node.node_at_least((22, 12), TESTS / "wrangler")
    agents.install()
    edgeone.install()
    install_sdk()
    sam.install()
