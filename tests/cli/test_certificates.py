"""Certificates get the file names that OpenSSL looks for."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
from pathlib import Path

import certifi
import pytest
import trustme

from proxy.cli.certificates import hash_folder, subject_hash
from proxy.errors import ConfigError


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_certifi_s_certificates_get_openssl_s_names(tmp_path: Path) -> None:
    count = hash_folder(Path(certifi.where()), tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == count == Path(certifi.where()).read_text(encoding="utf-8").count("BEGIN CERTIFICATE") > 100
    for file in files:
        command = ["openssl", "x509", "-subject_hash", "-noout", "-in", str(file)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == file.name[:8]


def test_two_certificates_of_one_subject_get_different_numbers(tmp_path: Path) -> None:
    pem = trustme.CA(organization_name="Twice").cert_pem.bytes()
    (tmp_path / "both.pem").write_bytes(pem + pem)
    assert hash_folder(tmp_path / "both.pem", tmp_path / "folder") == 2
    names = sorted(file.name for file in (tmp_path / "folder").iterdir())
    assert names == [f"{subject_hash(ssl.PEM_cert_to_DER_cert(pem.decode()))}.{number}" for number in (0, 1)]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("name", ["  Große   Straße  ", "中文证书", "x" * 200])
def test_spaces_case_and_other_alphabets(name: str, tmp_path: Path) -> None:
    pem = trustme.CA(organization_name=name[:64]).cert_pem.bytes()
    (tmp_path / "one.pem").write_bytes(pem)
    command = ["openssl", "x509", "-subject_hash", "-noout", "-in", str(tmp_path / "one.pem")]
    expected = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert subject_hash(ssl.PEM_cert_to_DER_cert(pem.decode())) == expected


def test_attributes_that_are_not_text_are_hashed_unchanged() -> None:
    """A name may contain a BIT STRING (uniqueIdentifier) and need a long DER length."""
    attribute = tagged(0x30, tagged(0x06, b"\x55\x04\x2d") + tagged(0x03, b"\x00" + b"x" * 300))
    names = tagged(0x31, attribute)
    fields = [tagged(0x02, b"\x01"), tagged(0x30, b""), tagged(0x30, b""), tagged(0x30, b""), tagged(0x30, names)]
    certificate = tagged(0x30, tagged(0x30, tagged(0xA0, b"\x02") + b"".join(fields)))
    digest = hashlib.sha1(names).digest()
    assert subject_hash(certificate) == digest[3::-1].hex()


def tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    return bytes((tag, size) if size < 128 else (tag, 0x82, size >> 8, size & 255)) + content


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(ConfigError, match="no certificates"):
        hash_folder(tmp_path / "none.pem", tmp_path / "folder")
