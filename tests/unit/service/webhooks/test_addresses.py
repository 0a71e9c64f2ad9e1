"""Webhooks go to the public internet and to hosts that the operator names, and nowhere else."""

import pytest

from service.errors import Invalid
from service.settings import Settings
from service.webhooks.addresses import check_url, is_public

DEFAULT = Settings()


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/hooks?token=a",
        "HTTPS://EXAMPLE.COM/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://bücher.example/",
    ],
)
def test_public_hosts_are_allowed(url: str) -> None:
    assert check_url(url, DEFAULT).scheme == "https"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[::ffff:127.0.0.1]",
        "[::ffff:8.8.8.8]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[ff02::1]",
        "localhost",
        "LOCALHOST",
        "service.localhost",
        "intranet",
    ],
)
def test_hosts_that_are_not_public_are_refused(host: str) -> None:
    with pytest.raises(Invalid, match=r"no public address|cannot be parsed") as error:
        check_url(f"https://{host}/", DEFAULT)
    assert error.value.code == "webhook_url_refused"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https:///path",
        "https://example.com:0/",
        "https://example.com:22/",
        "https://example.com:6379/",
        "https://user:secret@example.com/",
        "https://exa mple.com/",
        "https://[::1/",
        "https://example.com:99999/",
        "https://%31%32%37.0.0.1/",
        "//example.com/",
    ],
)
def test_other_schemes_ports_and_users_are_refused(url: str) -> None:
    with pytest.raises(Invalid) as error:
        check_url(url, DEFAULT)
    assert error.value.code == "webhook_url_refused"


def test_a_host_that_the_operator_names_may_be_private_and_use_http() -> None:
    settings = Settings(webhook_hosts="10.0.0.5, Hooks.Internal:9000, [fd00::1]")
    for url in ("http://10.0.0.5/", "http://hooks.internal:9000/", "https://[fd00::1]:8443/"):
        assert str(check_url(url, settings)) == url


@pytest.mark.parametrize("url", ["http://10.0.0.5:6379/", "http://hooks.internal/", "http://10.0.0.6/"])
def test_its_other_ports_and_its_neighbours_are_not_named(url: str) -> None:
    with pytest.raises(Invalid):
        check_url(url, Settings(webhook_hosts="10.0.0.5,hooks.internal:9000"))


@pytest.mark.parametrize("text", ["", "example.com", "127.0.0.1%eth0", "fe80::1%eth0", "256.1.1.1"])
def test_what_is_no_address_or_has_a_zone_is_not_public(text: str) -> None:
    assert not is_public(text)
