"""What a client of the service may ask for. Imports nothing heavy, so that the command can list the defaults at once."""

from dataclasses import dataclass

from realtime.choices import MAX_PIXELS

MAX_MEGABYTES = 64
QUEUE = 16  # requests
MAX_VIDEO_MEGABYTES = 500
MAX_VIDEO_SECONDS = 600
VIDEOS = 4
KEEP_FOR = 60  # minutes
CAMERAS = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request, and of all together.

    Attributes:
        bytes: of a body.
        pixels: of a picture; more are refused before it is decoded.
        seconds: within which a body has to arrive.
        queue: requests that are in the service at a time, the one that is worked on too.
        video_bytes: of a video.
        video_upload: seconds within which a video has to arrive.
        video_seconds: of a video's length.
        videos: that are in the service at a time and not yet done.
        keep_for: seconds after which a video that is done is deleted.
        cameras: that are matted live at a time.
        camera_pixels: of a frame of a camera, or of a background for one.
        camera_idle: seconds after which a camera that sends nothing loses its place.
    """

    bytes: int = MAX_MEGABYTES * 1_000_000
    pixels: int = MAX_PIXELS
    seconds: float = 60.0
    queue: int = QUEUE
    video_bytes: int = MAX_VIDEO_MEGABYTES * 1_000_000
    video_upload: float = 600.0
    video_seconds: float = MAX_VIDEO_SECONDS
    videos: int = VIDEOS
    keep_for: float = 60.0 * KEEP_FOR
    cameras: int = CAMERAS
    camera_pixels: int = 3840 * 2160
    camera_idle: float = 60.0
