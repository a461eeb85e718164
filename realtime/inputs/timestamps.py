"""Times of frames and packets: presentation times that always rise, clocks that jump put right, and parts between two times."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite, log2
from numbers import Integral, Real
from typing import Any

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

MICROSECOND = Fraction(1, 1_000_000)  # the unit of a container's own times
TRANSPORT = ("mpegts", "mpeg")  # formats whose clock starts anywhere
TS_DISCONT = 0x0200  # FFmpeg's flag of a format that allows jumps: AVFMT_TS_DISCONT
JUMP = Fraction(1)  # s: a step back longer than this restarts the count of times; a shorter one is a disorder of frames
JOINT = Fraction(1, 10)  # s: the same in formats that allow it, where pieces may be short
LEAP = Fraction(60)  # s: there, a step ahead longer than this is a jump, and no gap in the reception
MOST_GUESSED = 240  # frames a second: more is a stream's unit of time
FAR = Fraction(60)  # s: a file that begins later was cut from a longer recording
WRAP_OF_FLV = 1 << 31  # ms
BELOW_OF_FLV = 3_600_000  # ms below that wrap which are times below 0
MOST_OF_OGG = 1 << 50  # ticks: more are below 0
ASTRAY = Fraction(10)  # s: a packet of sound this far ahead of the video and of the one before it has a wrong time


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a video: the frames that begin at `start` or later and before `end`, in seconds, and so many at most."""

    start: Fraction | None = None
    end: Fraction | None = None
    frames: int | None = None

    def __post_init__(self) -> None:
        for name, seconds in (("start", self.start), ("end", self.end)):
            if seconds is not None and not (isinstance(seconds, Real) and isfinite(seconds)):
                raise ValueError(f"{name} {seconds!r}: is not a time; give seconds, such as Fraction(5)")
        if self.end is not None and self.end <= (self.start or 0):
            raise ValueError(f"an end at {float(self.end):g} s is not after the start; give a later one")
        if self.frames is not None and not isinstance(self.frames, Integral):
            raise ValueError(f"frames {self.frames!r}: must be a whole number, or None for all")
        if self.frames is not None and self.frames < 1:
            raise ValueError(f"an excerpt of {self.frames} frames is empty; give 1 or more, or None for all")

    def __str__(self) -> str:
        return f"from {float(self.start or 0):g} s{'' if self.end is None else f' to {float(self.end):g} s'}"

    def length(self, duration: Fraction | None, rate: Fraction | None) -> tuple[int | None, Fraction | None]:
        """About how many frames and seconds it has of a video of that duration and rate."""
        ends = [each for each in (self.end, duration) if each is not None]
        seconds = max(Fraction(0), min(ends) - (self.start or 0)) if ends else None
        count = None if seconds is None or not rate else round(seconds * rate)
        if self.frames is not None and (count is None or self.frames < count):
            return self.frames, self.frames / rate if rate else seconds
        return count, seconds


WHOLE = Excerpt()


def parse_time(text: str) -> Fraction:
    """Seconds of a text such as 83.5, 1:23.5 or 0:01:23.5, exactly. Raises ValueError for anything else."""
    match = re.fullmatch(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?)", text.strip())
    if match is None or (match[2] is not None and float(match[3]) >= 60) or (match[1] is not None and int(match[2]) >= 60):
        raise ValueError(f"{text}: is not a time; give seconds or hours:minutes:seconds, such as 83.5 or 0:01:23.5")
    return 3600 * int(match[1] or 0) + 60 * int(match[2] or 0) + Fraction(match[3].rstrip("."))


def rate_of(stream: VideoStream) -> Fraction | None:
    """Frames a second of a stream; None if it does not say, as of a browser's recording: FFmpeg then guesses a frame a tick."""
    guessed = stream.guessed_rate or None
    if guessed is not None and guessed > MOST_GUESSED:
        guessed = None
    rate = stream.average_rate or guessed
    if rate is not None and rate > MOST_GUESSED:
        rate = guessed or rate  # of raw DV, FFmpeg has a frame a tick for the average
    return rate if rate and rate > 0 else None  # a damaged file may say anything


def true_ticks(ticks: int, kind: str) -> int:
    """A time as the file has it, where FFmpeg reads those below 0 as far above: in Ogg and FLV, its names of formats."""
    if kind == "ogg" and ticks > MOST_OF_OGG:  # less a power of 2, which depends on the stream
        return ticks - (1 << round(log2(ticks)))
    if kind == "flv":
        return (ticks + BELOW_OF_FLV) % WRAP_OF_FLV - BELOW_OF_FLV
    return ticks


def true_times(packets: "Iterable[av.Packet[Any]]", container: InputContainer) -> "Iterator[av.Packet[Any]]":
    """The packets of a file, with their times put right in place by `true_ticks`."""
    kind = container.format.name
    for packet in packets:
        if packet.pts is not None:
            packet.pts = true_ticks(packet.pts, kind)
        if packet.dts is not None:
            packet.dts = true_ticks(packet.dts, kind)
        yield packet


class Timestamps:
    """Turns the times of decoded frames into presentation times that always rise, also if the file has none."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._unit = stream.time_base or Fraction(1, 90_000)
        # AVI stores only decoding times. Frames leave the decoder in order, each late by the same lag.
        self._decode_times = container.format.name == "avi"
        self.origin = Fraction(0)
        start = true_ticks(stream.start_time or 0, container.format.name)
        begin = min((container.start_time or 0) * MICROSECOND, start * self._unit)
        whole = begin // self._unit * self._unit  # whole ticks, so that all frames are rounded alike
        self._below = min(Fraction(0), whole)
        self._clock_unknown = container.format.name in TRANSPORT and container.start_time is None
        if container.format.name in TRANSPORT:
            self.origin = (container.start_time or 0) * MICROSECOND
        elif start < 0 or begin > FAR:
            self.origin = whole
        self._shift = -self.origin
        self._lag: int | None = None
        self._last: Fraction | None = None

    def time(self, frame: VideoFrame, step: Fraction) -> Fraction:
        """Presentation time of a frame in seconds; `step` after the last one if the file has none."""
        ticks = self._ticks(frame)
        last = self._last
        if ticks is None:
            time = self._untimed() if last is None else last + step
        else:
            if last is None and self._clock_unknown:  # of a file of one frame
                self.origin = ticks * self._unit
                self._shift = -self.origin
            time = ticks * self._unit + self._shift
            if last is None and time < 0:
                time = self._first(time)
            elif last is not None and time <= last:
                if last - time > JUMP:
                    self._shift += last + step - time
                    time = last + step
                else:
                    time = last + self._unit
        self._last = time
        return time

    def _untimed(self) -> Fraction:
        """The time of a first frame that has none: Matroska's below 0, which FFmpeg leaves out, count from the file's start."""
        self.origin, self._shift = self._below, -self._below
        return Fraction(0)

    def _first(self, time: Fraction) -> Fraction:
        """The time of a first frame that is before the origin, which files that are written cannot hold."""
        if time >= -JUMP:  # shown before the key frame that FFmpeg takes for the start
            self.origin += time
            self._shift -= time
        return Fraction(0)

    def _ticks(self, frame: VideoFrame) -> int | None:
        if not self._decode_times:
            return frame.pts if frame.pts is not None else frame.dts
        if frame.dts is None:
            return None
        if self._lag is None:
            self._lag = frame.dts
        return frame.dts - self._lag


class Discontinuities:
    """Takes jumps of the clock out of the packets of a file, such as where two transport streams were joined.

    Video packets set the time: after a jump their presentation goes on where it was. Packets of other streams follow them.
    Whoever reads the same file finds the same jumps.

    Attributes:
        jumps: their number so far.
        position: in seconds, where the video is; None before its first packet.

    Args:
        container: the file.
        video: its video stream, or None if it has none.
    """

    def __init__(self, container: InputContainer, video: VideoStream | None) -> None:
        joined = bool(container.format.flags & TS_DISCONT)
        self._back = JOINT if joined else JUMP
        self._ahead = LEAP if joined else None  # elsewhere a picture may well stand for long
        rate = None if video is None else rate_of(video)
        self._step = 1 / rate if rate else Fraction(1, 25)
        self._shifts = [Fraction(0)]  # seconds added to the file's times, one more after each jump
        self._shown = Fraction(0)  # when the last picture shown so far ends
        self._pieces: dict[int, int] = {}  # by the index of a stream: the jumps that it has passed
        self._due: dict[int, Fraction] = {}  # and when its next packet is due
        self.position: Fraction | None = None

    @property
    def jumps(self) -> int:
        """Their number so far."""
        return len(self._shifts) - 1

    def follow(self, packet: "av.Packet[Any]") -> None:
        """Shift the times of a packet of the video in place."""
        if packet.dts is None:
            return
        unit = packet.time_base
        time = packet.dts * unit + self._shifts[-1]
        shown = time if packet.pts is None else packet.pts * unit + self._shifts[-1]
        if self.position is not None:
            step = time - self.position
            if step < -self._back or (self._ahead is not None and step > self._ahead):
                self._shifts.append(self._shifts[-1] + self._shown - shown)
                time, shown = time + self._shown - shown, self._shown
        length = packet.duration * unit if packet.duration else self._step
        self.position = time + length
        self._shown = max(self._shown, shown + length)
        ticks = round(self._shifts[-1] / unit)
        packet.dts += ticks
        packet.pts = None if packet.pts is None else packet.pts + ticks

    def nearest(self, packet: "av.Packet[Stream]") -> Fraction | None:
        """The time in seconds of a packet of subtitles, of which there may be none for long, or several at once.

        None if it has none.
        """
        ticks = packet.pts if packet.pts is not None else packet.dts
        if ticks is None:
            return None
        near = self.position or Fraction(0)
        return min((ticks * packet.time_base + shift for shift in self._shifts), key=lambda time: abs(time - near))

    def time(self, packet: "av.Packet[Stream]", *, last_resort: bool = False) -> Fraction | None:
        """The time in seconds of a packet of another stream; None if it fits to none of the jumps so far.

        With `last_resort`, a packet that does not fit follows the one before it.
        """
        index, unit = packet.stream.index, packet.time_base
        due = self._due.get(index, Fraction(0))
        ticks = packet.dts if packet.dts is not None else packet.pts
        time = due
        if ticks is not None:
            # Streams pass a jump one after the other, so a packet may belong before it or behind it.
            first = self._pieces.get(index, 0)
            near = due if self.position is None else self.position
            times = [ticks * unit + shift for shift in self._shifts[first:]]
            best = min(range(len(times)), key=lambda each: abs(times[each] - near))
            time = times[best]
            early = best == 0 and time < due - self._back
            late = time > due + ASTRAY and abs(time - near) > ASTRAY
            if index not in self._due or not (early or late):
                self._pieces[index] = first + best
            elif last_resort:
                time = due
            else:
                return None
        self._due[index] = time + (packet.duration or 0) * unit
        return time
