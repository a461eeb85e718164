"""Comparison pictures: a frame, the predictions of each model, and the truth side by side."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines import Frame, Mask
from engines.atomic import replacing
from engines.errors import DataError
from train.evaluation.scores import Prediction

HEIGHT = 480  # pixels, of each picture
CAPTION = 26  # pixels, of the line above it
GREEN = (0, 177, 64)


def side_by_side(frame: Frame, truth: Mask, predictions: dict[str, Prediction]) -> Frame:
    """One wide RGB picture: the frame; each model's masks if it has any, alpha and foreground on green; the true alpha."""
    panels = [panel("frame", frame)]
    for name, prediction in predictions.items():
        for kind in ("coarse", "unified", "alpha"):
            matte = getattr(prediction, kind)
            if matte is not None:
                panels.append(panel(f"{name}: {kind}", grey(matte), frame.shape[:2]))
        panels.append(panel(f"{name}: on green", on_green(frame, prediction)))
    panels.append(panel("true alpha", grey(truth)))
    return np.hstack(panels)


def write_picture(path: Path, picture: Frame, settings: Sequence[int] = ()) -> None:
    """Write an RGB or grey picture in the format that the path's suffix names, with OpenCV's settings for it.

    Raises DataError on failure.
    """
    _, data = cv2.imencode(path.suffix, picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    try:
        with replacing(path) as beside:
            beside.write_bytes(data.tobytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error


def panel(caption: str, picture: Frame, size: tuple[int, int] | None = None) -> Frame:
    """A picture at the common height under its caption, stretched to the aspect ratio of `size` (height, width) if given."""
    height, width = size or picture.shape[:2]
    shape = (max(1, round(width * HEIGHT / height)), HEIGHT)
    shrinks = shape[0] < picture.shape[1]
    resized = cv2.resize(picture, shape, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    bordered = cv2.copyMakeBorder(resized, CAPTION, 0, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    cv2.putText(bordered, caption, (6, CAPTION - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.asarray(bordered, dtype=np.uint8)


def to_8_bit(matte: Mask) -> NDArray[np.uint8]:
    """A matte in 256 levels."""
    return np.asarray(np.round(255 * matte), np.uint8)


def grey(matte: Mask) -> Frame:
    """A matte as an RGB picture."""
    return np.asarray(cv2.cvtColor(to_8_bit(matte), cv2.COLOR_GRAY2RGB), np.uint8)


def on_green(frame: Frame, prediction: Prediction) -> Frame:
    """A prediction's foreground on green; the frame's colours if the model predicts none."""
    foreground = frame if prediction.foreground is None else prediction.foreground
    alpha = prediction.alpha[..., None]
    return np.asarray(np.round(alpha * foreground + (1 - alpha) * np.array(GREEN, np.float32)), dtype=np.uint8)
