"""Small clips for tests, made on the spot: a red ball that moves over a blue ground, with a tone."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.audio.fifo import AudioFifo
from numpy.typing import NDArray

from engines.engine import Frame, Matte

BALL = (200, 40, 40)
GROUND = (40, 60, 180)


def picture(index: int, width: int = 96, height: int = 64, ground: tuple[int, int, int] = GROUND) -> Frame:
    """Frame number `index`: the ball's place shows which frame it is; the corner at the top left is white."""
    frame = np.full((height, width, 3), ground, np.uint8)
    cv2.circle(frame, (width // 4 + 2 * index % (width // 2), height // 2), height // 4, BALL, -1)
    frame[:8, :8] = 255
    return frame


def matte(frame: Frame) -> Matte:
    """What an engine would make of such a frame: all that is redder than blue."""
    alpha = (frame[..., 0].astype(np.int32) > frame[..., 2]).astype(np.float32)
    coarse = cv2.resize(alpha, (24, 16))
    return Matte(alpha, frame.copy(), coarse.astype(np.float32), coarse.astype(np.float32))


def even_times(count: int, rate: int = 25) -> list[Fraction]:
    return [Fraction(index, rate) for index in range(count)]


def make_clip(
    path: Path,
    times: Sequence[Fraction] = tuple(even_times(10)),
    *,
    size: tuple[int, int] = (96, 64),
    rate: Fraction | int = 25,
    ground: tuple[int, int, int] = GROUND,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    time_base: Fraction = Fraction(1, 12_800),
    rotation: int = 0,
    hflip: bool = False,
    pixel_aspect: Fraction = Fraction(1),
    audio: str | None = None,
    tracks: int = 1,
    audio_seconds: float | None = None,
    colours: dict[str, int] | None = None,
    options: dict[str, str] | None = None,
    container_format: str | None = None,
) -> Path:
    """Writes a clip of (width, height) whose frames are shown at `times`, with tracks of a tone in the codec `audio`."""
    with av.open(str(path), "w", format=container_format) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = time_base
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        for name, value in (colours or {}).items():
            setattr(stream.codec_context, name, value)
        if rotation or hflip:
            stream.set_display_rotation(rotation, hflip=hflip)
        tones = [container.add_stream(audio, rate=48_000) for _ in range(tracks)] if audio else []
        for index, time in enumerate(times):
            frame: Any = av.VideoFrame.from_ndarray(picture(index, *size, ground), "rgb24")
            frame = frame.reformat(
                format=pix_fmt,
                src_color_range=2,
                dst_colorspace=(colours or {}).get("colorspace"),
                dst_color_range=(colours or {}).get("color_range", 1),
            )
            frame.pts, frame.time_base = round(time / time_base), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        seconds = audio_seconds if audio_seconds is not None else (float(max(times)) + 0.04 if times else 0)
        for number, tone in enumerate(tones):
            write_tone(container, tone, seconds, 220.0 * (number + 1))
    return path


def write_tone(container: Any, stream: Any, seconds: float, pitch: float) -> None:
    count = round(seconds * 48_000)
    wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(count) / 48_000)
    samples = np.round(32767 * np.repeat(wave, 2)).astype(np.int16)[None]
    whole = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
    whole.sample_rate, whole.pts, whole.time_base = 48_000, 0, Fraction(1, 48_000)
    fifo, resampler = AudioFifo(), av.AudioResampler(format=stream.format, layout="stereo", rate=48_000)
    for frame in resampler.resample(whole):
        fifo.write(frame)
    while (frame := fifo.read(stream.codec_context.frame_size or 1024, partial=True)) is not None:
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def frame_times(path: Path) -> list[Fraction]:
    """Presentation times of all video frames, in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * Fraction(frame.time_base) for frame in container.decode(video=0)]


def frames(path: Path) -> list[Frame]:
    """All video frames, in RGB by the file's own tags."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24", dst_color_range=2) for frame in container.decode(video=0)]


def audio_packets(path: Path, track: int = 0) -> list[tuple[Fraction, bytes]]:
    """Time and content of every audio packet."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(stream) if p.dts is not None and p.pts is not None]


def duration(path: Path) -> float:
    """Seconds, according to the container."""
    with av.open(str(path)) as container:
        assert container.duration is not None
        return container.duration / 1e6


def opencv_frames(path: Path) -> list[NDArray[np.uint8]]:
    """All video frames as OpenCV's own reader gives them, upright, in RGB."""
    capture = cv2.VideoCapture(str(path))
    found = []
    while True:
        there, frame = capture.read()
        if not there:
            capture.release()
            return found
        found.append(np.asarray(frame[..., ::-1], np.uint8))
