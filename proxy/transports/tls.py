"""TLS for upstream connections: which certificates are trusted. Verification cannot be turned off."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from proxy.errors import ConfigError

# In a bundle: certifi's certificates, one file each, named by OpenSSL's hash (see proxy/cli/certificates.py).
HASHED = Path(__file__).parent / "certificates"


def tls_context() -> ssl.SSLContext:
    """The context for all connections: TLS 1.2 or newer, host names and certificates verified.

    SSL_CERT_FILE and SSL_CERT_DIR name other certificates, as for OpenSSL's own tools. Otherwise certifi's are trusted,
    the same on every platform. Parsing all of them is the most expensive step of a cold start, so a bundle has them in
    a folder where OpenSSL looks up only the one that a handshake needs (`X509_LOOKUP_hash_dir`,
    docs.openssl.org/3.0/man3/X509_LOOKUP_hash_dir, read 2026-11-24). Raises ConfigError if they cannot be read.
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
        raise ConfigError(
            "SSL_CERT_FILE names certificates that cannot be read: correct the path.", param="SSL_CERT_FILE"
        ) from None
    context.set_alpn_protocols(["http/1.1"])
    return context
