"""What a client of the service may ask for. Imports nothing heavy, so that the command can list the defaults at once."""

from dataclasses import dataclass

from realtime.choices import MAX_PIXELS

MAX_MEGABYTES = 64
QUEUE = 16  # requests


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request, and of all together.

    Attributes:
        bytes: of a body.
        pixels: of a picture; more are refused before it is decoded.
        seconds: within which a body has to arrive.
        queue: requests that are in the service at a time, the one that is worked on too.
    """

    bytes: int = MAX_MEGABYTES * 1_000_000
    pixels: int = MAX_PIXELS
    seconds: float = 60.0
    queue: int = QUEUE
