"""Names and addresses at the edge."""

from __future__ import annotations

import pytest

from mtasts import Code, Core, CoreError, Leniency, Reason, txt_rdata
from mtasts.addresses import may_be_dialled
from mtasts.domain import canonical_domain, record_name


@pytest.mark.parametrize(
    "text",
    ["", ".", "a..b", "ü.de", "192.0.2.1", "[::1]", "a_b.de", "a.de:443", "u@a.de", "-a.de", "a.0x7f", f"{'a' * 64}.de"],
)
def test_what_is_no_domain_never_reaches_a_url(text: str) -> None:
    """(R-8461-3.3-20)"""
    with pytest.raises(ValueError):
        canonical_domain(text)


def test_a_domain_has_one_form() -> None:
    """(R-8461-KEY-01)"""
    assert canonical_domain("Example.COM.") == "example.com"
    assert record_name(".".join(["a" * 62] * 4)) is None


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 10.1.2.3 169.254.169.254 100.64.0.1 0.0.0.0 255.255.255.255 ::1 :: fe80::1 fe80::1%eth0 fd00::1"
    " ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 2002:7f00:1:: 2001:db8::1 4000::1 localhost".split(),
)
def test_an_address_that_is_not_public_is_not_dialled(address: str) -> None:
    """(R-8461-3.3-21)"""
    assert not may_be_dialled(address, allow_private=False)


@pytest.mark.parametrize("address", "8.8.8.8 2606:4700::1111 64:ff9b::808:808 2002:808:808::1".split())
def test_a_public_address_is_dialled(address: str) -> None:
    assert may_be_dialled(address, allow_private=False)


def test_private_addresses_are_dialled_where_allowed_but_never_the_unspecified_one() -> None:
    assert may_be_dialled("127.0.0.1", allow_private=True)
    assert not may_be_dialled("0.0.0.0", allow_private=True)


def test_text_crosses_as_utf_8_so_that_no_octet_becomes_another() -> None:
    with pytest.raises(CoreError) as refused:
        Core().select_record([txt_rdata("v=STSv1; id=\u0161bc;")])
    assert refused.value.code == Code.RECORD_ID


def test_a_number_that_is_not_known_prints_as_such() -> None:
    assert str(Reason(99)) == "99"
    assert (Leniency(3) | Leniency(64)).words == ["outer-blanks", "blank-lines"]


def test_a_module_of_another_abi_is_refused() -> None:
    from wasmtime import wat2wasm

    other = '(module (memory (export "memory") 1) (func (export "mtasts_abi_version") (result i32) i32.const 0x20000))'
    with pytest.raises(RuntimeError, match=r"ABI 2\.0"):
        Core(bytes(wat2wasm(other)))
