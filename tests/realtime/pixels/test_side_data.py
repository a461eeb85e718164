import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image

from realtime.inputs.video_file import VideoSource
from tests.realtime.clips import picture


def test_side_data_of_a_kind_that_pyav_does_not_name(tmp_path: Path) -> None:
    """Motion JPEG with EXIF in its pictures, as some cameras write it."""
    exif = PIL.Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6  # a quarter turn
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        container.start_encoding()
        for index in range(3):
            file = io.BytesIO()
            PIL.Image.fromarray(picture(index)).save(file, "jpeg", exif=exif, quality=100)
            packet: Any = av.Packet(file.getvalue())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, index, index, Fraction(1, 25)
            container.mux_one(packet)
    with VideoSource(tmp_path / "in.mkv") as source:
        packets = list(source)
    assert len(packets) == 3
    for index, packet in enumerate(packets):
        assert np.abs(packet.frame - np.rot90(picture(index), -1).astype(int)).mean() < 3
