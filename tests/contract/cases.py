"""The contract: what holds on every platform, as data. Later adapters add a driver, not cases of their own."""

from __future__ import annotations

from tests.contract.cases_access import ACCESS
from tests.contract.cases_errors import EASYCHEN, ERRORS, OWN
from tests.contract.cases_headers import HEADERS
from tests.contract.cases_held import HELD
from tests.contract.cases_keys import KEYS
from tests.contract.cases_moderation import MODERATION
from tests.contract.cases_native import NATIVE
from tests.contract.cases_order import ORDER
from tests.contract.cases_paths import PATHS, RELAYS, SPELLINGS
from tests.contract.cases_tokens import TOKENS
from tests.support.case import Case

CASES: tuple[Case, ...] = (
    *RELAYS,
    *SPELLINGS,
    *PATHS,
    *ACCESS,
    *HEADERS,
    *ERRORS,
    *OWN,
    *EASYCHEN,
    *TOKENS,
    *MODERATION,
    *KEYS,
    *HELD,
    *ORDER,
    *NATIVE,
)
