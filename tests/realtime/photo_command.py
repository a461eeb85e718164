"""`shm-image` run in this process, and its pictures read by another reader."""

from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from realtime.commands.image import main


def shm_image(*arguments: object) -> int:
    """Runs the command and gives its exit code."""
    with patch("sys.argv", ["shm-image", *map(str, arguments)]), pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


def read(path: Path) -> np.ndarray:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels
