"""What a photo says about itself is kept as the camera wrote it, but for what is not true of another picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD

from realtime.inputs.photos import read_photo
from realtime.outputs.photos import write_photo
from tests.realtime.exif import MAKER_NOTE, exif

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description tiff:Orientation="%d" dc:title="A"/>%b</rdf:RDF></x:xmpmeta>'
)
BLACK = Image.new("RGB", (60, 40))


def photo(path: Path, block: bytes, xmp: bytes = b"") -> Path:
    BLACK.save(path, exif=b"Exif\0\0" + block, xmp=xmp)
    return path


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif", ".tiff"])
def test_exif_comes_through_every_format_in_the_types_of_the_camera(tmp_path: Path, order: str, suffix: str) -> None:
    read = read_photo(photo(tmp_path / "a.jpg", exif(order)))
    assert read.frame.shape == (60, 40, 3)
    metadata = read.metadata.of_size(60, 40)
    write_photo(tmp_path / f"b{suffix}", read.frame, metadata=metadata)
    with Image.open(tmp_path / f"b{suffix}") as image:
        tags = image.getexif()
        assert tags[0x010F] == "Maker"
        assert tags.get(0x0112, 1) == 1  # it is upright
        camera, place = tags.get_ifd(IFD.Exif), tags.get_ifd(IFD.GPSInfo)
    assert (camera[0x829A], camera[0x9000], camera[0x9003]) == (1 / 125, b"0232", "2026:11:26 12:00:00")
    assert (camera[0xA002], camera[0xA003], camera[0x927C]) == (40, 60, MAKER_NOTE)
    assert (place[1], place[2]) == ("N", (48, 8, 0))
    again = read_photo(tmp_path / f"b{suffix}")
    assert again.metadata == metadata
    assert again.notes == ()


def test_without_the_place_the_rest_stays(tmp_path: Path) -> None:
    stripped = read_photo(photo(tmp_path / "a.jpg", exif(), XMP % (6, b""))).metadata.without_place()
    write_photo(tmp_path / "b.png", np.zeros((60, 40, 3), np.uint8), metadata=stripped)
    with Image.open(tmp_path / "b.png") as image:
        assert "xmp" not in image.info
        tags = image.getexif()
        assert tags[0x010F] == "Maker"
        assert tags.get_ifd(IFD.GPSInfo) == {}
        assert set(tags.get_ifd(IFD.Exif)) == {0x829A, 0x9000, 0x9003, 0xA002, 0xA003}
    assert MAKER_NOTE not in (tmp_path / "b.png").read_bytes()


def test_xmp_stays_but_for_the_orientation_and_thumbnails(tmp_path: Path) -> None:
    thumbnails = b"<xmp:Thumbnails><rdf:Alt>/9j/4AAQ</rdf:Alt></xmp:Thumbnails>"
    read = read_photo(photo(tmp_path / "a.jpg", exif(), XMP % (6, thumbnails)))
    assert read.metadata.xmp == XMP % (1, b"")


@pytest.mark.parametrize("cut", [9, 30, 90, -30])
def test_damaged_exif_is_left_out_and_that_is_said(tmp_path: Path, cut: int) -> None:
    read = read_photo(photo(tmp_path / "a.jpg", exif(orientation=1)[:cut], XMP % (1, b"")))
    assert read.frame.shape == (40, 60, 3)
    assert read.metadata.exif == b""
    assert read.metadata.xmp == XMP % (1, b"")
    assert read.notes == (f"{tmp_path / 'a.jpg'}: its EXIF is damaged, and is left out",)
