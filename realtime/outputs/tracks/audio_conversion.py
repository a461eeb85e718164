"""A stream of audio decoded and encoded anew, for containers that cannot hold it as it is."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Stream

from realtime.outputs.tracks.description import describe_copy

ENCODERS = {"webm": ("libopus", "Opus"), "matroska": ("libopus", "Opus"), "mp4": ("aac", "AAC"), "mov": ("aac", "AAC")}
RATE = 48_000  # samples/s
BITRATE = 96_000  # bits/s of each channel: no loss that is heard
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}  # by number of channels, if a file does not name it
GAP = Fraction(1, 10)  # s that sound may be off its time: less is jitter


class AudioConversion:
    """One stream, encoded as Opus or AAC. Where packets are missing there is silence, so that the rest keeps its time.

    Args:
        container: that is being opened.
        stream: of the file that it comes from, of a known codec.
        encoder: FFmpeg's name of it.
    """

    def __init__(self, container: OutputContainer, stream: AudioStream, encoder: str) -> None:
        self._stream = stream
        copy: Any = container.add_stream(encoder, rate=RATE)
        self._layout = LAYOUTS.get(stream.channels, "stereo")
        copy.codec_context.layout = self._layout
        copy.bit_rate = BITRATE * copy.codec_context.channels
        describe_copy(copy, stream, container)
        self._encoder = copy
        self._resampler = self._new_resampler()
        self._fifo = AudioFifo()
        self._taken = 0  # samples that went into the fifo
        self._given = 0  # samples that went into the encoder
        self._begin: Fraction | None = None  # time of the first sample, in seconds

    def convert(self, packet: "av.Packet[Stream]", time: Fraction) -> "Iterator[av.Packet[Stream]]":
        """Decode a packet that begins at a time in seconds; yield the packets to write. Raises FFmpeg's errors for damage."""
        unit = self._stream.time_base or Fraction(1, RATE)
        packet.pts = packet.dts = round(time / unit)
        packet.time_base = unit
        for frame in packet.decode():
            assert isinstance(frame, AudioFrame)
            yield from self._take(frame, time)
        yield from self._encode()

    def finish(self) -> "Iterator[av.Packet[Stream]]":
        """Yield the packets that are left at the end."""
        for frame in self._decoder().decode(None):
            yield from self._take(frame, None)
        self._write(self._resampler.resample(None))
        yield from self._encode(partial=True)
        if self._begin is not None:
            yield from self._encoder.encode(None)

    def _decoder(self) -> AudioCodecContext:
        assert isinstance(self._stream.codec_context, AudioCodecContext)
        return self._stream.codec_context

    def _take(self, frame: AudioFrame, time: Fraction | None) -> "Iterator[av.Packet[Stream]]":
        """Take what was decoded, and silence before it where packets are missing; yield the packets of that silence."""
        start = time if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
        if self._begin is None:
            self._begin = max(start or Fraction(0), Fraction(0))
        reached = self._begin + Fraction(self._taken, RATE)
        if start is not None and start < reached - GAP:
            return  # it was there already
        if start is not None and start > reached + GAP:
            missing = round((start - reached) * RATE)
            for begin in range(0, missing, RATE):  # by the second, as there may be hours of it
                self._write([self._silence(min(RATE, missing - begin))])
                yield from self._encode()
        try:
            self._write(self._resampler.resample(frame))
        except ValueError:  # rate or channels have changed
            self._write(self._resampler.resample(None))
            self._resampler = self._new_resampler()
            self._write(self._resampler.resample(frame))

    def _new_resampler(self) -> AudioResampler:
        return AudioResampler(format=self._encoder.format, layout=self._layout, rate=RATE)

    def _silence(self, samples: int) -> AudioFrame:
        audio_format = self._encoder.format
        channels = self._encoder.codec_context.channels
        shape = (channels, samples) if audio_format.is_planar else (1, channels * samples)
        dtype = np.float32 if "flt" in audio_format.name else np.int16
        frame = AudioFrame.from_ndarray(np.zeros(shape, dtype), format=audio_format.name, layout=self._layout)
        frame.sample_rate = RATE
        return frame

    def _write(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            frame.pts = None  # samples are counted here
            self._taken += frame.samples
            self._fifo.write(frame)

    def _encode(self, *, partial: bool = False) -> "Iterator[av.Packet[Stream]]":
        size = self._encoder.codec_context.frame_size or 1024
        while (frame := self._fifo.read(size, partial=partial)) is not None:
            assert self._begin is not None
            frame.pts, frame.time_base = round(self._begin * RATE) + self._given, Fraction(1, RATE)
            self._given += frame.samples
            yield from self._encoder.encode(frame)
