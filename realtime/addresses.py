"""Addresses: which are of this machine alone, and what of one may be shown."""

import errno
import ipaddress
import re
from pathlib import Path

from engines.errors import MediaError

HIDDEN = "...@"
SECRET = re.compile(  # as many cameras, and SRT, want it, and signed addresses have it
    r"([\w.%-]*(?:user|usr|login|pass|pwd|psw|token|auth|key|secret|sig|credential|policy|streamid)[\w.%-]*=)[^&;?#/]+",
    re.IGNORECASE,
)


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

    A password may hold an @. A /, ? or # in one is a mistake, as it ends the server's name. So where there is an @ behind that,
    all up to the last one is `HIDDEN` if it could be a user and a password. A value further on that could be one, such as
    that of pwd=, is left out.
    """
    scheme, _, rest = address.partition("://")
    named = re.split(r"[/?#]", rest, maxsplit=1)[0]  # as FFmpeg and urllib have it, but never an error
    before, _, after = rest.rpartition("@")
    if len(before) > len(named) and ":" in before:
        return SECRET.sub(r"\1...", f"{scheme}://{HIDDEN}{after}")
    return SECRET.sub(r"\1...", f"{scheme}://{rest[named.rfind('@') + 1 :]}")


def address_shown(text: str) -> str | None:
    """The address that a text, or a path made of it, is, as `without_password` shows it; None for what is none."""
    scheme, there, rest = text.partition(":/")
    if not there or len(scheme) < 2 or not scheme.isalnum():  # C:/ is a disk
        return None
    return without_password(f"{scheme}://{rest.lstrip('/')}")


def refuse_missing(path: Path) -> None:
    """Raise MediaError if there is no such file, also for an address, as a path made of it has it."""
    if path.exists():
        return
    if (address := address_shown(str(path))) is not None:
        raise MediaError(f"{address}: is an address; save what is there as a file, or read a stream by NetworkStream")
    if is_loop(path):
        raise MediaError(f"{path}: is a link that leads back to itself; name the file itself")
    raise MediaError(f"{path}: no such file; check the name")


def is_loop(path: Path) -> bool:
    """Whether a path is, or leads through, symbolic links that lead round in a circle."""
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False
