"""The decision core: every export of mta-sts.wasm as a typed, pure function."""

from __future__ import annotations

from .delivery import Delivery
from .parse import Parsing
from .step import Stepping
from .tlsa import Tlsa


class Core(Parsing, Stepping, Delivery, Tlsa):
    """One instance of the module; threads may share it. Every call depends on nothing but its arguments."""
