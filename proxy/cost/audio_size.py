"""How many tokens a recording in a request can have, from its header. Pure; only the header is decoded."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error

# More tokens than any known provider counts for a second of audio: OpenAI 10, Mistral 12.5, Alibaba 25, Google 32
# (their documents on audio, read 2026-11-26).
TOKENS_PER_SECOND = 50
_HEADER_LENGTH = 64  # characters of base64 that hold the header
_PCM_FORMATS = (1, 3, 0xFFFE)  # format tags whose samples have the size that the header declares


def max_tokens(encoded: str) -> int | None:
    """Return the most tokens that a WAV file of uncompressed samples in base64 can have, None for other recordings."""
    try:
        header = b64decode(encoded[:_HEADER_LENGTH])
    except (Error, ValueError):
        return None
    if len(header) < 36 or header[:4] != b"RIFF" or header[8:16] != b"WAVEfmt ":
        return None
    format_tag, block_size = int.from_bytes(header[20:22], "little"), int.from_bytes(header[32:34], "little")
    sample_rate, declared_rate = int.from_bytes(header[24:28], "little"), int.from_bytes(header[28:32], "little")
    # Decoders use either of the two, so the smaller one bounds the duration.
    bytes_per_second = min(sample_rate * block_size, declared_rate)
    if format_tag not in _PCM_FORMATS or bytes_per_second == 0:
        return None
    return len(encoded) * TOKENS_PER_SECOND // bytes_per_second + TOKENS_PER_SECOND
