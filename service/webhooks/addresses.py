"""The addresses to which webhooks may go: public ones, and hosts that the operator names.

A URL is checked when it is given, the address of its host whenever the worker connects: a name may resolve
to something else by then.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from service.errors import Invalid
from service.settings import Settings

if TYPE_CHECKING:
    import httpx

PUBLIC_PORTS = (443, 8443)
NAMED_PORTS = (80, 443, 8080, 8443)  # of hosts that are named without a port
DEFAULT_PORTS = {"http": 80, "https": 443}
# `2130706433`, `0x7f.1` and `0177.0.0.1` are addresses for the resolver, but not for `ipaddress`
NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
PUBLIC_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")  # a name without a dot is local
GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
# Networks that `ipaddress` counts as global. IPv6 addresses that stand for IPv4 ones are 6to4 and Teredo, in
# 2001::/23; mapped ones and NAT64 are outside of GLOBAL_IPV6.
EXCLUDED = tuple(
    map(
        ipaddress.ip_network,
        (
            "168.63.129.16/32",  # metadata of Azure
            "192.0.0.0/24",  # metadata of Oracle's cloud
            "192.88.99.0/24",  # relays of 6to4
            "2001::/23",  # protocols, among them Teredo
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)


def check_url(text: str, settings: Settings) -> httpx.URL:
    """Parse the URL of a webhook.

    Raises:
        Invalid: It is no URL of a webhook, or not of a public host, and the operator has not named the host.
    """
    import httpx  # noqa: PLC0415  # an API whose jobs have no webhooks starts without it

    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise _refusal(text, "it cannot be parsed") from None
    host = url.raw_host.decode("ascii").lower().rstrip(".")
    if not host or url.scheme not in DEFAULT_PORTS:
        raise _refusal(text, "it needs https:// and a host")
    if url.userinfo:
        raise _refusal(text, "it contains a user name; put a token into its path")
    port = _port_of(url)
    if is_named(url, settings):
        return url
    if url.scheme != "https":
        raise _refusal(text, "it must be https")
    if port not in PUBLIC_PORTS:
        raise _refusal(text, f"its port must be {' or '.join(map(str, PUBLIC_PORTS))}")
    if not _may_be_public(host):
        raise _refusal(text, "its host has no public address")
    return url


def is_named(url: httpx.URL, settings: Settings) -> bool:
    """Whether ``KAN_WEBHOOK_HOSTS`` names the host, and the port if it is an unusual one."""
    host, port = url.raw_host.decode("ascii").lower(), _port_of(url)
    host_text = f"[{host}]" if ":" in host else host
    names = settings.webhook_host_names
    return f"{host_text}:{port}" in names or (host_text in names and port in NAMED_PORTS)


def is_public(address: str) -> bool:
    """Whether an address, as text, belongs to the public internet and is no other form of an IPv4 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip.version == 6 and ip not in GLOBAL_IPV6:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in EXCLUDED)


def _port_of(url: httpx.URL) -> int:
    return DEFAULT_PORTS[url.scheme] if url.port is None else url.port


def _may_be_public(host: str) -> bool:
    """Whether a host is a public address, or a name that may have one."""
    is_literal = ":" in host or NUMBER.match(host.rpartition(".")[2]) is not None
    if is_literal:
        return is_public(host)
    return PUBLIC_NAME.fullmatch(host) is not None and not host.endswith(".localhost")


def _refusal(url: str, reason: str) -> Invalid:
    detail = f"webhooks cannot go to {url[:200]!r}: {reason}; or ask the operator for KAN_WEBHOOK_HOSTS"
    return Invalid("webhook_url_refused", detail)
