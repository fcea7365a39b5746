"""Names of policy domains."""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


def canonical_domain(text: str) -> str:
    """The one form in which a domain is looked up and kept: ASCII lower case, no trailing dot.

    U-labels are not converted here; the ``idna`` package does that.

    :raises ValueError: it is no domain of RFC 5321 in A-labels (addresses, ports and empty labels included)
    """
    if not text.isascii():
        raise ValueError("a Policy Domain is given in A-labels")
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)) or _NUMBER.fullmatch(labels[-1]):
        raise ValueError(f"not a domain: {text[:300]!r}")
    return name


def record_name(domain: str) -> str | None:
    """Where the MTA-STS record stands (RFC 8461 §3.1); None where that is too long for DNS, so that there is none."""
    name = f"_mta-sts.{domain}"
    return name if len(name) <= 253 else None
