"""Our own engine over TLS: versions, names, certificates, and handshakes that never end."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
import trustme

from proxy.cli.certificates import hash_folder
from proxy.errors import UpstreamUnreachable
from proxy.transports import direct
from proxy.transports.direct import DirectUpstream
from proxy.upstream import Timeouts
from tests.support.raw_upstream import CHUNKED, Raw, engine, outgoing, read, saying, stay


def _no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Awaitable[None]:
    return stay()


def test_a_handshake_that_never_ends_is_given_up() -> None:
    async def go() -> None:
        async with Raw(_no_tls) as server, engine() as upstream:
            with pytest.raises(UpstreamUnreachable):
                await upstream.send(outgoing(server.port, Timeouts(0.3, 5, 5), base="https://127.0.0.1"))

    asyncio.run(go())


class Authority:
    """A certificate authority of our own and a server's settings with a certificate for `name`."""

    def __init__(self, name: str = "127.0.0.1", **more: Any) -> None:
        self.ca = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(name, **more).configure_cert(self.server)
        self.client = ssl.create_default_context()
        self.ca.configure_trust(self.client)


def secured(authority: Authority, context: ssl.SSLContext, base: str = "https://127.0.0.1") -> bytes:
    async def go() -> bytes:
        handler = saying(CHUNKED + b"2\r\nab\r\n0\r\n\r\n")
        async with Raw(handler, ssl=authority.server) as server, engine(context) as upstream:
            status, body, error = await read(upstream, outgoing(server.port, base=base))
            assert (status, error) == (200, None)
            return body

    return asyncio.run(go())


def test_tls_is_made_ready_later_where_the_settings_name_no_https(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority()
    monkeypatch.setattr(direct, "tls_context", lambda: authority.client)
    upstream = DirectUpstream(secure=False)
    assert upstream._context is None

    async def go() -> None:
        async with Raw(saying(CHUNKED + b"2\r\nab\r\n0\r\n\r\n"), ssl=authority.server) as server:
            assert await read(upstream, outgoing(server.port, base="https://127.0.0.1")) == (200, b"ab", None)
            await upstream.aclose()

    asyncio.run(go())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls(version: ssl.TLSVersion) -> None:
    authority = Authority()
    authority.server.minimum_version = authority.server.maximum_version = version
    assert secured(authority, authority.client) == b"ab"


def test_a_server_is_told_which_name_is_meant() -> None:
    authority = Authority("localhost")
    names: list[str | None] = []
    authority.server.sni_callback = lambda _, name, __: names.append(name)
    assert secured(authority, authority.client, "https://localhost") == b"ab"
    assert names == ["localhost"]


@pytest.mark.parametrize("wrong", ["name", "unknown", "expired"])
def test_a_certificate_that_cannot_be_trusted_is_refused_and_named(wrong: str) -> None:
    from datetime import datetime, timezone

    past = datetime(2020, 1, 1, tzinfo=timezone.utc)
    authority = (
        Authority("other.test") if wrong == "name" else Authority(not_after=past if wrong == "expired" else None)
    )
    context = ssl.create_default_context() if wrong == "unknown" else authority.client
    with pytest.raises(UpstreamUnreachable, match="certificate is not trusted"):
        secured(authority, context)


def test_an_old_tls_is_refused() -> None:
    authority = Authority()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        authority.server.minimum_version = ssl.TLSVersion.TLSv1
        authority.server.maximum_version = ssl.TLSVersion.TLSv1_1
    authority.server.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(UpstreamUnreachable):
        secured(authority, authority.client)


def test_a_folder_of_named_certificates_is_trusted_as_the_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a bundle: OpenSSL looks up only the certificate that signed the server's."""
    from proxy.transports import tls

    authority = Authority()
    pem = tmp_path / "ca.pem"
    authority.ca.cert_pem.write_to_path(str(pem))
    assert hash_folder(pem, tmp_path / "hashed") == 1
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tls, "HASHED", tmp_path / "hashed")
    context = tls.tls_context()
    assert context.get_ca_certs() == [], "nothing is parsed before it is needed"
    assert secured(authority, context) == b"ab"
    with pytest.raises(UpstreamUnreachable):
        secured(Authority(), context)
