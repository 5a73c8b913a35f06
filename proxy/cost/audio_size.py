"""How long a recording in a request is, out of its first bytes. Pure; nothing is decoded but a header."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error

# More tokens than any provider is known to make of a second of sound: OpenAI 10, Mistral 12.5, Alibaba 25, Google 32
# (their documents on audio, read 2026-11-26).
TOKENS_A_SECOND = 50
_HEAD = 64  # characters of base64 that hold the header
_PCM = (1, 3, 0xFFFE)  # format tags whose samples have the size that the header says


def most_tokens(encoded: str) -> int | None:
    """The most tokens of a WAV file of plain samples in base64; None for all other recordings."""
    try:
        head = b64decode(encoded[:_HEAD])
    except (Error, ValueError):
        return None
    if len(head) < 36 or head[:4] != b"RIFF" or head[8:16] != b"WAVEfmt ":
        return None
    tag, align = int.from_bytes(head[20:22], "little"), int.from_bytes(head[32:34], "little")
    rate, told = int.from_bytes(head[24:28], "little"), int.from_bytes(head[28:32], "little")
    # Whichever of the two a decoder goes by, the recording is no longer than this.
    bytes_a_second = min(rate * align, told)
    if tag not in _PCM or bytes_a_second == 0:
        return None
    return len(encoded) * TOKENS_A_SECOND // bytes_a_second + TOKENS_A_SECOND
