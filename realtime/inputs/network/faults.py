"""What is wrong with a network stream, and what to do about it, in words that name no password."""

import errno
from typing import NamedTuple

import av

from realtime.addresses import HIDDEN, without_password


class Fault(NamedTuple):
    """What is wrong, and the remedy. `refused`: the server does not take this user or password."""

    reason: str
    remedy: str
    refused: bool = False


def is_telling(error: Exception) -> bool:
    """Whether an error of a stream that ran says more than that nothing comes any more."""
    return not isinstance(error, av.error.ExitError | EOFError) and getattr(error, "errno", None) != errno.EIO


def fault_of(error: Exception, address: str, *, waited: float) -> Fault:
    """What an error of FFmpeg or of the system means for an address. `waited`: the seconds that an answer may take."""
    shown = without_password(address)
    no_user = shown == address
    remedy = "check the address and the network"
    if HIDDEN in shown:
        remedy += ", and write a / in a password as %2F, an @ behind the server as %40"
    match error:
        case av.error.HTTPUnauthorizedError() if no_user:
            scheme, _, rest = shown.partition("://")
            return Fault("the server asks for a user and a password", f"write {scheme}://USER:PASSWORD@{rest}", refused=True)
        case av.error.HTTPUnauthorizedError():
            return Fault("the server does not take the user or the password", "check both in the address", refused=True)
        case av.error.HTTPForbiddenError():
            remedy = "check what this user may see there" if not no_user else "check the address, and whether it needs a user"
            return Fault("the server forbids access, 403", remedy, refused=True)
        case av.error.HTTPNotFoundError():
            return Fault("the server has nothing there, 404", "check what follows the server's name in the address")
        case av.error.HTTPTooManyRequestsError():
            return Fault("the server is asked too often, 429", "end other programs that read it")
        case av.error.HTTPClientError():
            return Fault("the server does not take the request, 4xx", "check the address, and end other programs that read it")
        case av.error.HTTPServerError():
            return Fault("the server fails, 5xx", "start the server or the camera again")
        case av.error.ExitError():  # "Immediate exit requested": by PyAV, which waits no longer
            return Fault(f"nothing came for {waited:g} s", remedy)
        case av.error.ProtocolNotFoundError():
            scheme, _, _ = shown.partition("://")
            return Fault(
                f"this FFmpeg knows no {scheme}://", "install a PyAV whose FFmpeg does, or let the server send RTSP or HTTP"
            )
        case av.error.InvalidDataError():
            return Fault("what it sends is no video that can be read", remedy)
    return Fault(str(getattr(error, "strerror", None) or error), remedy)
