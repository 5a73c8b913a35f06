"""Text to a number of tokens: tiktoken with the vocabularies of proxy/data, loaded once each, and never downloaded.

Whoever counts text of strangers needs an end to it: 1 MB of spaces makes tiktoken's Rust part panic, and 4 MB of random
letters take seconds. So text is counted in pieces, and a Budget says when to stop.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.errors import ConfigError, NotInstalled
from proxy.tokens.models import CL100K, O200K

if TYPE_CHECKING:
    from tiktoken import Encoding

DATA = Path(__file__).resolve().parents[1] / "data"
# The unpacked files' SHA-256, and the patterns that cut text before it is looked up: both as tiktoken 0.14 has them
# (tiktoken_ext/openai_public.py, read 2026-11-24). A test holds them against it.
_ENDING = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_FILES = {
    O200K: (
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        (
            rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}]*[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}]+{_ENDING}"
            rf"|[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}]+[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}]*{_ENDING}"
            r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ),
        {"<|endoftext|>": 199_999, "<|endofprompt|>": 200_018},
    ),
    CL100K: (
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        (
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
            r"|\s+(?!\S)|\s"
        ),
        {"<|endoftext|>": 100_257, "<|endofprompt|>": 100_276},
    ),
}
# One piece takes some milliseconds at the very worst, so that a budget of time can be kept.
PIECE = 8_192
# Behind a letter and before one of these both patterns always cut: counting piece by piece loses nothing there.
_SEAM = re.compile(r"[^\W\d_](?=[ \n\r\t.,;:!?()\"，。、；：！？（）「」])")


@dataclass(slots=True)
class Budget:
    """What one count may cost: characters of text, seconds by `now`, and `nodes`, parts of messages and schemas.

    `spent` says that it was not enough.

    `seams` counts the places where text had to be cut inside of a word: each may add a token.
    """

    characters: int
    seconds: float
    now: Callable[[], float]
    started: float | None = None
    spent: bool = False
    seams: int = 0
    nodes: int = 200_000

    def visit(self) -> bool:
        """Charge for one part of a structure, however little text it has; False when there is nothing left."""
        self.nodes -= 1
        if self.nodes <= 0:
            self.spent = True
        return not self.spent

    def allows(self) -> bool:
        """Whether another piece may be counted; the clock starts with the first."""
        if self.started is None:
            self.started = self.now()
        if self.characters <= 0 or self.now() - self.started > self.seconds:
            self.spent = True
        return not self.spent

    def outside(self, work: Callable[[], object]) -> None:
        """Do `work` without charging its time to this budget."""
        began = self.now() if self.started is not None else 0.0
        work()
        if self.started is not None:
            self.started += self.now() - began


@lru_cache(maxsize=2)
def load(name: str) -> Encoding:
    """The encoding called `name` (o200k_base or cl100k_base), some 80 or 45 MB of memory once it is there.

    Raises NotInstalled where this bundle was made without tokens, ConfigError where a file is not what it should be.
    """
    from base64 import b64decode
    from gzip import decompress
    from hashlib import sha256

    try:
        from tiktoken import Encoding

        packed = (DATA / f"{name}.tiktoken.gz").read_bytes()
    except (ImportError, OSError):
        raise NotInstalled from None
    digest, pattern, special = _FILES[name]
    data = decompress(packed)
    if sha256(data).hexdigest() != digest:
        raise ConfigError(f"proxy/data/{name}.tiktoken.gz is damaged. Deploy the bundle once more.")
    lines = data.split()
    ranks = dict(zip(map(b64decode, lines[::2]), map(int, lines[1::2]), strict=True))
    return Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)


def count(text: str, name: str, budget: Budget) -> int:
    """How many tokens `text` has; only those of its beginning when the budget is spent.

    Words such as `<|endoftext|>` count as the text that they are.
    """
    encode = load(name).encode_ordinary
    if len(text) <= PIECE <= budget.characters and budget.allows():
        budget.characters -= len(text)
        return len(encode(text)) if text else 0
    tokens = at = 0
    while at < len(text) and budget.allows():
        end = min(at + min(PIECE, budget.characters), len(text))
        if end < len(text):
            whole = seam(text, at, end)
            budget.seams += whole is None
            end = whole or end
        tokens += len(encode(text[at:end]))
        budget.characters -= end - at
        at = end
    return tokens


def upper(text: str, name: str, budget: Budget) -> int:
    """As `count`, but never fewer tokens than `text` has: what the budget does not suffice for counts as its bytes."""
    before = budget.seams
    left = budget.characters
    tokens = count(text, name, budget)
    read = left - budget.characters
    # A word that was cut in two may have a token more than its halves.
    return tokens + budget.seams - before + len(text[read:].encode("utf-8", "surrogatepass"))


def seam(text: str, start: int, end: int) -> int | None:
    """The last place before `end` where text can be cut without changing its tokens; None where none is near."""
    # Far from the end is not looked: a text without any such place must not be searched through for each piece.
    found = None
    for match in _SEAM.finditer(text, max(start, end - 512), end):
        found = match.end()
    return found
