"""What a model's name tells about counting its tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_NAME = 256  # characters: callers must not be able to fill the cache
O200K, CL100K = "o200k_base", "cl100k_base"
_OPENAI = re.compile(r"(?:gpt-|chatgpt-|o\d|codex-|text-embedding-|text-moderation|omni-moderation|davinci|babbage)")
# gpt-35 is Azure's spelling. Matches gpt-4 and gpt-4-*, but not gpt-4o, gpt-4.1 or gpt-4.5.
_CL100K = re.compile(r"gpt-3\.?5|gpt-4(?:-|$)|text-embedding-|davinci-002|babbage-002")
_GPT5 = re.compile(r"gpt-(\d+)(?:\.(\d+))?")
_NEWEST = 99
# Models for which requests were recorded and measured. All others count like the newest of them, as an estimate. A name
# may only go on with what OpenAI's own names have: `gpt-4all-j`, `gpt-4o:free` and `gpt-4o-prod` may be any model.
_MEASURED = re.compile(
    r"(?:gpt-3\.?5|gpt-4o|gpt-4(?:\.\d)?|chatgpt-4o|gpt-5(?:\.\d)?|o[134]|text-embedding|(?:davinci|babbage)-002)"
    r"(?:-(?:turbo|instruct|mini|nano|pro|max|codex|chat|audio|realtime|search|api|deep|research|vision|preview|latest"
    r"|small|large|ada|16k|32k|\d[\d-]*))*"
)
_O_SERIES = re.compile(r"o\d")
# The first models with function calling render functions differently. Their old names still refer to them.
_FIRST_FUNCTIONS = re.compile(
    r"gpt-(?:3\.?5-turbo(?:-16k)?|4(?:-32k)?)-0[36]\d\d$|gpt-4(?:-32k)?$|gpt-3\.?5-turbo-16k$"
)


@dataclass(frozen=True, slots=True)
class Model:
    """A model, as far as counting its tokens depends on it.

    - `name`: without vendor and fine-tuning.
    - `openai`: it is one of OpenAI's; `measured`: the rules here are known to hold for it.
    - `gpt5`: the minor version of a gpt-5 model (0 for gpt-5 itself, 99 for later models); None for all others.
    - `reasons`: it has hidden reasoning; `first_functions`: it is one of the first models with function calling.
    """

    name: str
    openai: bool
    measured: bool
    encoding: str
    gpt5: int | None
    reasons: bool
    first_functions: bool

    @property
    def thinks_aloud(self) -> bool:
        """Whether it is o3, o4 or gpt-5, which prime an answer differently."""
        return self.gpt5 is not None or self.name.startswith(("o3", "o4"))

    @property
    def names_channels(self) -> bool:
        """Whether an earlier answer includes the name of its channel."""
        return self.gpt5 is not None or self.name.startswith("o4")


def model_of(name: Any) -> Model:
    """The model called `name`, which may have a vendor (`openai/gpt-4o`) or be fine-tuned (`ft:gpt-4o:…`).

    A value that is not a string, or is too long, counts as an empty name.
    """
    return _model_of(name if isinstance(name, str) and len(name) <= MAX_NAME else "")


@lru_cache(maxsize=256)
def _model_of(name: str) -> Model:
    plain = _base(name.strip().lower())
    vendor, _, plain = plain.rpartition("/")
    plain = _base(plain)
    # gpt-oss is from OpenAI but has open weights: each server of it has its own template.
    openai = bool(_OPENAI.match(plain)) and not plain.startswith("gpt-oss") and vendor in ("", "openai", "azure")
    version = _GPT5.match(plain) if openai else None
    major = int(version[1]) if version else 0
    gpt5 = None if version is None or not 5 <= major < 30 else int(version[2] or 0) if major == 5 else _NEWEST
    return Model(
        name=plain,
        openai=openai,
        measured=openai and bool(_MEASURED.fullmatch(plain)),
        encoding=CL100K if openai and _CL100K.match(plain) else O200K,
        gpt5=gpt5,
        reasons=openai and (gpt5 is not None or bool(_O_SERIES.match(plain))),
        first_functions=openai and bool(_FIRST_FUNCTIONS.match(plain)),
    )


def _base(name: str) -> str:
    """The base model of a fine-tuned one (`ft:MODEL:…`)."""
    return name.split(":")[1] if name.startswith("ft:") else name
