"""The window of a live session: pictures, lines of text over them, and keys."""

import os
import socket
import sys
from collections.abc import Sequence

import cv2

from engines.engine import Frame
from engines.errors import MediaError
from realtime.closing import Closing
from realtime.pixels.opencv_log import silence_opencv

ESCAPE = 27  # the key's code
SPECIAL = 0x100  # from which on codes are of keys without a letter: the last byte of the left arrow's would be a Q
LINE = 24  # px from one line of text to the next


class Window(Closing):
    """A window that shows pictures. For the main thread only.

        with Window("shm-live", width=1280, height=720) as window:
            window.show(picture, ["30 frames/s"])
            if window.key() == "q" or window.closed: ...

    Raises MediaError if there is no display.
    """

    def __init__(self, title: str, *, width: int, height: int) -> None:
        check_display()
        self._title = title
        try:
            with silence_opencv():
                cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            remedy = "pip uninstall opencv-python-headless, and pip install --force-reinstall opencv-python"
            raise MediaError(f"this OpenCV cannot show windows; {remedy}") from error
        cv2.resizeWindow(title, width, height)

    def show(self, picture: Frame, lines: Sequence[str] = ()) -> None:
        """Show a picture, uint8 RGB (H, W, 3), with lines of text in its upper left corner. The array is not changed."""
        shown = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        if lines:
            widest = max(cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)[0][0] for line in lines)
            plate = shown[: LINE * len(lines) + 12, : widest + 24]
            plate[:] = plate // 3
            for row, line in enumerate(lines, 1):
                where = (12, LINE * row)
                cv2.putText(shown, line, where, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
        cv2.imshow(self._title, shown)

    def key(self) -> str | None:
        """The key pressed since the last call, "escape" for Esc, or None. It also updates the window: call it often."""
        code = cv2.waitKeyEx(1) & 0xFFFF  # GTK puts Shift and the like above
        if code >= SPECIAL:
            return None
        return "escape" if code == ESCAPE else chr(code).lower()

    @property
    def closed(self) -> bool:
        """Whether the user has closed the window."""
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # of Qt, once its last window was closed
            return True

    def close(self) -> None:
        """Close the window."""
        if not self.closed:
            cv2.destroyWindow(self._title)


def check_display() -> None:
    """Raise MediaError if no window can be shown: OpenCV's toolkit would end the program with no useful message."""
    if not sys.platform.startswith("linux"):
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise MediaError("no display to show a window on (DISPLAY is not set); run it in a desktop session, or under xvfb-run")
    host, _, rest = display.rpartition(":")
    number = rest.split(".")[0]
    try:
        if host in {"", "unix"}:
            path = f"/tmp/.X11-unix/X{number}"
            with socket.socket(socket.AF_UNIX) as x_server:
                if x_server.connect_ex("\0" + path):  # Linux's abstract namespace first, as Xlib does
                    x_server.connect(path)
        else:
            socket.create_connection((host, 6000 + int(number)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise MediaError(f"the display {display} does not answer; check DISPLAY, or run it in a desktop session") from error
