"""The TLS settings of every upstream connection: who is trusted. Nothing here can switch verification off."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from proxy.errors import ConfigError

# Where a bundle has the same certificates as certifi, a file each under OpenSSL's name for it (proxy/cli/certificates).
HASHED = Path(__file__).parent / "certificates"


def tls_context() -> ssl.SSLContext:
    """One context for every connection, TLS 1.2 or newer, names and certificates verified.

    SSL_CERT_FILE and SSL_CERT_DIR name other certificates, as OpenSSL's own tools have it; otherwise certifi's are
    trusted, the same on every platform. Parsing all of them is the dearest step of a cold start, so a bundle has them
    in a folder in which OpenSSL looks up only the one that a handshake needs (`X509_LOOKUP_hash_dir`,
    docs.openssl.org/3.0/man3/X509_LOOKUP_hash_dir, read 2026-11-24). Raises ConfigError where they cannot be read.
    """
    file, folder = os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None
    if not file and not folder:
        if HASHED.is_dir():
            folder = str(HASHED)
        else:
            import certifi

            file = certifi.where()
    try:
        context = ssl.create_default_context(cafile=file, capath=folder)
    except OSError:
        raise ConfigError("SSL_CERT_FILE names certificates that cannot be read.", param="SSL_CERT_FILE") from None
    context.set_alpn_protocols(["http/1.1"])
    return context
