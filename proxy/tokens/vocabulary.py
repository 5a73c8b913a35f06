"""Count the tokens of a text: tiktoken with the vocabularies of proxy/data, loaded once each and never downloaded.

Counting untrusted text needs limits: 1 MB of spaces makes tiktoken's Rust code panic, and 4 MB of random letters take
seconds. So text is counted in chunks, and a Budget says when to stop.
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
# The SHA-256 of the uncompressed files, and the patterns that split text before the lookup, as in tiktoken 0.14
# (tiktoken_ext/openai_public.py, read 2026-11-24). A test compares them.
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
# In characters. One chunk takes a few milliseconds in the worst case, so a time budget can be kept.
CHUNK = 8_192
# Between a letter and one of these both patterns always split, so a cut there does not change the count.
_SEAM = re.compile(r"[^\W\d_](?=[ \n\r\t.,;:!?()\"，。、；：！？（）「」])")


@dataclass(slots=True)
class Budget:
    """What counting one request may cost.

    - `characters` of text, `seconds` by the clock `now`, and `nodes`: parts of messages and schemas.
    - `spent`: the budget was exhausted.
    - `seams`: how often text was cut inside a word, each of which may add a token.
    """

    characters: int
    seconds: float
    now: Callable[[], float]
    started: float | None = None
    spent: bool = False
    seams: int = 0
    nodes: int = 200_000

    def visit(self) -> bool:
        """Charge for one part of a structure, regardless of its text; False once the budget is spent."""
        self.nodes -= 1
        if self.nodes <= 0:
            self.spent = True
        return not self.spent

    def allows(self) -> bool:
        """Whether another chunk may be counted. The clock starts with the first."""
        if self.started is None:
            self.started = self.now()
        if self.characters <= 0 or self.now() - self.started > self.seconds:
            self.spent = True
        return not self.spent

    def uncharged(self, work: Callable[[], object]) -> None:
        """Run `work` without charging its time to this budget."""
        began = self.now() if self.started is not None else 0.0
        work()
        if self.started is not None:
            self.started += self.now() - began


@lru_cache(maxsize=2)
def load(name: str) -> Encoding:
    """The encoding called `name`: o200k_base (about 80 MB of memory) or cl100k_base (45 MB).

    Raises NotInstalled if this bundle has no vocabularies, ConfigError if a file is damaged.
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
        raise ConfigError(f"proxy/data/{name}.tiktoken.gz is damaged. Deploy the bundle again.")
    lines = data.split()
    ranks = dict(zip(map(b64decode, lines[::2]), map(int, lines[1::2]), strict=True))
    return Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)


def count(text: str, name: str, budget: Budget) -> int:
    """The tokens of `text`, or of its beginning if the budget runs out.

    Special tokens such as `<|endoftext|>` count as ordinary text.
    """
    encode = load(name).encode_ordinary
    if len(text) <= CHUNK <= budget.characters and budget.allows():
        budget.characters -= len(text)
        return len(encode(text)) if text else 0
    tokens = at = 0
    while at < len(text) and budget.allows():
        end = min(at + min(CHUNK, budget.characters), len(text))
        if end < len(text):
            whole = seam(text, at, end)
            budget.seams += whole is None
            end = whole or end
        tokens += len(encode(text[at:end]))
        budget.characters -= end - at
        at = end
    return tokens


def upper_bound(text: str, name: str, budget: Budget) -> int:
    """Like `count`, but never less than the tokens of `text`: text beyond the budget counts one token per byte."""
    before = budget.seams
    characters = budget.characters
    tokens = count(text, name, budget)
    read = characters - budget.characters
    # A word that was cut in two may have one token more than its halves.
    return tokens + budget.seams - before + len(text[read:].encode("utf-8", "surrogatepass"))


def seam(text: str, start: int, end: int) -> int | None:
    """The last position before `end` where a cut does not change the count; None if there is none nearby."""
    # Only near the end: a text without such positions must not be searched completely for each chunk.
    position = None
    for match in _SEAM.finditer(text, max(start, end - 512), end):
        position = match.end()
    return position
