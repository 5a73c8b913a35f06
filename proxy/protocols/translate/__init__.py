"""Translation between protocols, for upstreams that do not speak the caller's. Pure."""
