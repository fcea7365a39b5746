"""Which addresses a policy host may be dialled at (R-8461-3.3-21).

The other side chooses the name and what it resolves to: without this rule a crafted domain reaches loopback services
and cloud metadata. The lists are ours, because ``ipaddress.is_global`` differs between releases of Python.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

# Never the address of a server; the IPv6 ones hold an IPv4 address that a kernel would dial.
_NEVER = [
    ip_network(text)
    for text in "0.0.0.0/8 224.0.0.0/4 240.0.0.0/4 ::/128 ff00::/8 ::ffff:0:0/96 ::ffff:0:0:0/96".split()
]
# Reachable only from here, or reserved for what is no public web server (the registries of RFC 6890).
_PRIVATE = [
    ip_network(text)
    for text in (
        "10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24"
        " 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 ::1/128 64:ff9b:1::/48 100::/64 2001::/23"
        " 2001:db8::/32 3fff::/20 fc00::/7 fe80::/10 fec0::/10"
    ).split()
]
_GLOBAL_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")


def may_be_dialled(text: str, allow_private: bool) -> bool:
    """May a policy host be dialled at this address? What is no IP address may not."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return _allowed(address, allow_private)


def _allowed(address: Address, allow_private: bool) -> bool:
    if any(address in network for network in _NEVER):
        return False
    if not allow_private and any(address in network for network in _PRIVATE):
        return False
    if isinstance(address, IPv4Address):
        return True
    if address.scope_id is not None:
        return False
    if (inside := _embedded(address)) is not None:
        return _allowed(inside, allow_private)
    return allow_private or address in _GLOBAL_UNICAST


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a NAT64 (RFC 6052) or 6to4 (RFC 3056) address stands for."""
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.sixtofour
