"""Turns what people paste into a base URL, and reads facts off it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit, urlunsplit

from proxy.platforms.clouds import CLOUDS

# What people paste along with the base URL: the path of one call, or of one of our own pages.
_TAIL = re.compile(
    r"(/(chat/completions|completions|responses|embeddings|models|readyz|healthz)|/v1)?/*$", re.IGNORECASE
)
# The words of regions: ap-southeast-1, us-gov-west-1, na-siliconvalley, ap-shanghai-fsi, cn-hangzhou, us-central1.
_AREAS = frozenset("af ap ca cn eu il me mx na sa us africa asia australia europe northamerica southamerica".split())
_PLACES = frozenset(
    "north south east west central northeast southeast northwest southwest gov "
    "guangzhou shanghai nanjing beijing chengdu chongqing shenzhen hongkong fsi "
    "hangzhou qingdao zhangjiakou huhehaote wulanchabu heyuan "
    "singapore bangkok jakarta seoul tokyo mumbai siliconvalley ashburn toronto frankfurt moscow saopaulo".split()
)
# Azure's are one word each: those of its Flex Consumption plan (Azure-Samples/mcp-sdk-functions-hosting-python,
# infra/main.bicep, read 2026-11-27).
_WHOLE = frozenset(
    "australiaeast australiasoutheast brazilsouth canadacentral centralindia centralus eastasia eastus eastus2 "
    "francecentral germanywestcentral italynorth japaneast koreacentral northcentralus northeurope norwayeast "
    "southafricanorth southcentralus southeastasia southindia spaincentral swedencentral uaenorth uksouth ukwest "
    "westcentralus westeurope westus westus2 westus3".split()
)


class InvalidPort(ValueError):
    """The address has a port outside 0 to 65535, or one that is not a number."""


def root_of(text: str) -> str:
    """The base URL without /v1. Raises ValueError if `text` is not the address of a server, InvalidPort for its port.

    Without a scheme, this machine is called over http and everything else over https.
    """
    text = text.strip()
    if "://" not in text:
        text = f"{'http' if is_local(urlsplit(f'//{text}').hostname or '') else 'https'}://{text}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("not the address of a server")
    try:
        _ = parts.port
    except ValueError as error:
        raise InvalidPort(str(error)) from error
    path = parts.path
    while (shorter := _TAIL.sub("", path)) != path:
        path = shorter
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def origin_of(root: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(root)
    return f"{parts.scheme}://{parts.netloc}"


def is_local(host: str) -> bool:
    """Whether a host is this machine: exactly `localhost`, or a loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_plain(root: str) -> bool:
    """Whether keys would leave this machine unencrypted."""
    parts = urlsplit(root)
    return parts.scheme == "http" and not is_local(parts.hostname or "")


def region_of(root: str) -> str | None:
    """The region in the host name of a platform's default domain: the text that stands there, whatever it is."""
    host = urlsplit(root).hostname or ""
    matches = (re.search(f"(?:{cloud.domain})$", host) for cloud in CLOUDS if cloud.domain)
    return next((region for match in matches if match for region in match.groups() if region), None)


def known_region(root: str) -> str | None:
    """The region in a host name, if it is made of the words of which regions are made; else None."""
    region = region_of(root) or ""
    area, *places = region.split("-")
    words = {re.sub(r"[0-9]{1,2}$", "", place) for place in places} - {""}  # Google writes the number after the word
    return region if region in _WHOLE or (area in _AREAS and words and words <= _PLACES) else None
