"""Addresses: which are of this machine alone, and what of one may be shown."""

import ipaddress
import re

HIDDEN = "...@"
SERVER = re.compile(r"(\[.+\]|localhost|.*\..*)(:\d+)?|[^:]+:\d+")  # what may be shown behind a user and an @


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_password(address: str) -> str:
    """The address of a stream, to be shown: without the user and the password in it.

    A password may hold an @. A /, ? or # in one is a mistake, as it ends the server's name: where that may be so, all up to the
    last @ is `HIDDEN`.
    """
    scheme, _, rest = address.partition("://")
    named = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, at, server = named.rpartition("@")
    before, _, after = rest.rpartition("@")
    if len(before) > len(named) and (not SERVER.fullmatch(server) if at else ":" in before):
        return f"{scheme}://{HIDDEN}{after}"
    return f"{scheme}://{rest.removeprefix(user + at)}"
