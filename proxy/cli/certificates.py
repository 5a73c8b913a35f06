"""Turns a file of trusted certificates into a folder, in which OpenSSL looks one up instead of parsing them all.

`openssl rehash` makes the same folder; this needs no program and gives the same files on every machine. A file's name
is the hash of the certificate's subject: the first four bytes, little-endian, of the SHA-1 of its canonical form
(docs.openssl.org/3.0/man1/openssl-rehash and X509_NAME_hash in crypto/x509, read 2026-11-24).
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

from proxy.errors import ConfigError

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)
_SEQUENCE, _SET, _VERSION, _UTF8 = 0x30, 0x31, 0xA0, 0x0C
# The string types (X.690 tags) that the canonical form turns into lower-case UTF-8, and their encodings.
_STRINGS = {
    _UTF8: "utf-8",
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # T61String, as OpenSSL reads it
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}


def hash_folder(bundle: Path, folder: Path) -> int:
    """Write each certificate in the PEM file `bundle` into `folder` under its OpenSSL name; returns how many.

    Raises ConfigError if the file has none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, int] = {}
    for pem in _PEM.findall(bundle.read_text(encoding="utf-8")):
        name = subject_hash(ssl.PEM_cert_to_DER_cert(pem))
        numbers[name] = number = numbers.get(name, -1) + 1
        (folder / f"{name}.{number}").write_text(pem, encoding="ascii", newline="\n")
    if not numbers:
        raise ConfigError(f"{bundle} contains no certificates.")
    return sum(numbers.values()) + len(numbers)


def subject_hash(certificate: bytes) -> str:
    """Eight hex digits, as `openssl x509 -subject_hash` prints them; `certificate` is DER."""
    (_, _, whole), *_ = _values(certificate)
    (_, _, signed), *_ = _values(whole)
    fields = [field for field in _values(signed) if field[0] != _VERSION]
    # serialNumber, signature, issuer, validity, subject (RFC 5280, section 4.1)
    canonical = b"".join(_tagged(_SET, _canonical(names)) for _, _, names in _values(fields[4][2]))
    digest = hashlib.sha1(canonical, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _canonical(names: bytes) -> bytes:
    """The attributes of one relative distinguished name, with their texts in canonical form."""
    attributes = []
    for _, _, attribute in _values(names):
        (_, kind, _), (tag, value, content) = _values(attribute)
        if tag in _STRINGS:
            text = re.sub(r"[ \t\n\v\f\r]+", " ", content.decode(_STRINGS[tag])).strip(" ")
            lowered = "".join(letter.lower() if letter.isascii() else letter for letter in text)
            value = _tagged(_UTF8, lowered.encode())
        attributes.append(_tagged(_SEQUENCE, kind + value))
    return b"".join(attributes)


def _values(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The consecutive DER values in `data`: (tag, whole value, content)."""
    at = 0
    while at < len(data):
        length, start = data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
        yield data[at], data[at : start + length], data[start : start + length]
        at = start + length


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
