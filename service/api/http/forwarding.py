"""Which requests come from this machine, and which a proxy has forwarded.

A proxy on this machine connects from loopback, whoever sent the request. The headers that it adds tell: a
request with one of them counts as one from another machine. Only what a trusted proxy says of its client is
believed, and only if everything that it says is that the client is on this machine.
"""

import ipaddress
from collections.abc import Iterator, Sequence

from starlette.datastructures import Headers

from service.settings import IPNetwork, is_loopback

CLIENT_HEADERS = ("x-forwarded-for", "x-real-ip")  # with addresses alone; Forwarded has more
FORWARDING_HEADERS = ("forwarded", "via", "x-real-ip")
FORWARDING_PREFIX = "x-forwarded-"


def is_forwarded(headers: Headers) -> bool:
    """Whether a proxy has added a header that says that it forwards the request."""
    return any(name in FORWARDING_HEADERS or name.startswith(FORWARDING_PREFIX) for name in headers)


def is_client_local(peer: str, headers: Headers, proxy_networks: Sequence[IPNetwork]) -> bool:
    """Whether the client of a forwarded request is on this machine, by the word of a trusted proxy on it.

    Every address must be of loopback: a client may write addresses into the headers, before which or behind
    which the proxy adds its own. The loopback of a proxy on another machine is not that of this one.

    Args:
        peer: Address that the connection comes from.
        headers: Of the request.
        proxy_networks: Networks of trusted proxies.
    """
    if not is_loopback(peer) or not _is_in(peer, proxy_networks):
        return False
    clients = list(_list_clients(headers))
    return bool(clients) and all(map(is_loopback, clients))


def _is_in(peer: str, networks: Sequence[IPNetwork]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:  # a socket without an address
        return False
    return any(address in network for network in networks)


def _list_clients(headers: Headers) -> Iterator[str]:
    """All clients that the headers name, without ports."""
    for name in CLIENT_HEADERS:
        for value in headers.getlist(name):
            yield from map(_host_of, value.split(","))
    for value in headers.getlist("forwarded"):  # RFC 7239: for=127.0.0.1;proto=http, for="[::1]:8000"
        for pair in value.replace(";", ",").split(","):
            key, _, node = pair.partition("=")
            if key.strip().lower() == "for":
                yield _host_of(node)


def _host_of(node: str) -> str:
    node = node.strip().strip('"')
    if node.startswith("["):
        return node[1:].partition("]")[0]
    return node.partition(":")[0] if node.count(":") == 1 else node
