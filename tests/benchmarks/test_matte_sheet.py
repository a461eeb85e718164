from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from benchmarks.matte_sheet import WIDTH, main
from tests.realtime.plain_engine import plain_engine


def draw(*arguments: object) -> int:
    with patch("sys.argv", ["matte_sheet", *map(str, arguments)]), plain_engine(), pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """A dark one, all person to the plain engine, a light one, and a tall one."""
    paths = [tmp_path / f"{name}.png" for name in ("dark", "light", "tall")]
    for path, level, size in zip(paths, (0, 255, 0), ((60, 60), (60, 60), (90, 40)), strict=True):
        cv2.imwrite(str(path), np.full((*size, 3), level, np.uint8))
    return paths


def test_a_photo_its_matte_on_green_and_its_alpha(tmp_path: Path, photos: list[Path]) -> None:
    assert draw(tmp_path / "out.png", *photos, "--caption", "one", "--caption", "two") == 0
    picture = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    assert picture.shape[1] == WIDTH
    row = picture[120]
    assert [row[x].tolist() for x in (100, 300, 500)] == [[0, 0, 0], [0, 0, 0], [255, 255, 255]]
    assert [row[x].tolist() for x in (700, 900, 1100)] == [[255, 255, 255], [0, 177, 64], [0, 0, 0]]
    below = picture[-100]
    assert below[100].max() == 0
    assert (below[WIDTH // 2 :] == 255).all()


def test_bad_input_is_one_line(tmp_path: Path, photos: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there.png").write_bytes(b"precious")
    for words, told in (
        ((tmp_path / "there.png", photos[0]), "--overwrite"),
        ((tmp_path / "out.png", tmp_path / "none.png"), "none.png"),
        ((tmp_path / "out.png", photos[0], "--caption", "a", "--caption", "b"), "--caption"),
    ):
        assert draw(*words) == 2
        said = capsys.readouterr().err
        assert told in said
        assert said.count("\n") == 1
    assert (tmp_path / "there.png").read_bytes() == b"precious"
    assert not (tmp_path / "out.png").exists()
