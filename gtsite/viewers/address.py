"""Which address a request comes from, as far as that can be believed."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

SUBSCRIBER_BITS = 64
"""What one household has of IPv6: any address in it is theirs to take."""


def client_network(request: HttpRequest) -> str:
    """An IPv4 address, or the /64 an IPv6 one is in: what one client cannot leave at will.

    Each proxy of our own (`PROXIES` of them) adds to the end of X-Forwarded-For the address that
    it was asked from. What stands before that is what the client says, and counts for nothing.
    """
    address = _address(_forwarded(request)) or _address(request.META.get("REMOTE_ADDR", ""))
    if address is None:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(ip_network((address, SUBSCRIBER_BITS), strict=False))
    return str(address)


def _forwarded(request: HttpRequest) -> str:
    """What the outermost of our proxies saw; '' if there is none, or not all were passed."""
    said = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    proxies: int = settings.PROXIES
    return said[-proxies].strip() if 0 < proxies <= len(said) else ""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
