"""Sizes that every backend agrees on."""

# The models that ship. They share their weights; what differs is how finely MPN and QUN see a frame: height, width for one that
# is not wider than high; else its twin, on its side. The paper has 192x160.
MODELS = {"base": (256, 192), "large": (384, 288)}
BASE = "base"
LOW_RESOLUTION = MODELS[BASE]
# On its way there the frame is resized bilinearly to half its size, to OVERSAMPLING times the low resolution, and to the low
# resolution. The first and the last step average 2x2 pixels: cheap at any size, and no aliasing to speak of at 4K. The first
# step never goes below the second, so that small frames lose no detail.
OVERSAMPLING = 2
STRIDE = 16  # of MRN: frames are padded to a multiple of it inside, by their edge, and cropped on the way out
MASK_STRIDE = 4  # the unified mask joins MRN where the image has come down so far (section 3.3)
SMALLEST = 32  # pixels, height and width


def low_resolution(height: int, width: int, model: str = BASE) -> tuple[int, int]:
    """Height and width of the coarse mask of a frame."""
    h, w = MODELS[model]
    return (w, h) if width > height else (h, w)


def padding(length: int) -> int:
    """How many pixels take a length to the next multiple of STRIDE."""
    return -length % STRIDE


def input_shapes(height: int, width: int, model: str = BASE) -> dict[str, dict[str, tuple[int, ...]]]:
    """The shape of each input of the three graphs, for frames of one size."""
    h, w = low_resolution(height, width, model)
    frame, image, mask = (height, width, 3), (1, 3, h, w), (h, w)
    return {"mpn": {"frame": frame}, "qun": {"image": image, "coarse": mask}, "mrn": {"frame": frame, "unified": mask}}
