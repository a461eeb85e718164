"""What people are drawn from: skins, faces, beards, clothes, framings and lights, some with how often each is drawn."""

from collections.abc import Sequence

from train.people.person import Colour

SKINS: dict[str, tuple[Colour, dict[str, float], Sequence[str]]] = {  # linear colour; descent; hair that is common with it
    "pale": (
        (0.72, 0.46, 0.36),
        {"caucasian": 1.0},
        ("light brown", "blond", "red", "auburn", "dark blond", "platinum", "brown"),
    ),
    "fair": (
        (0.62, 0.36, 0.26),
        {"caucasian": 1.0, "asian": 0.1},
        ("brown", "dark brown", "light brown", "blond", "dark blond"),
    ),
    "olive": ((0.47, 0.26, 0.17), {"caucasian": 0.8, "african": 0.2}, ("black", "dark brown", "brown")),
    "east": ((0.6, 0.37, 0.25), {"asian": 1.0}, ("black", "black", "dark brown")),
    "south": ((0.29, 0.145, 0.082), {"caucasian": 0.5, "asian": 0.3, "african": 0.2}, ("black", "dark brown")),
    "brown": ((0.2, 0.095, 0.052), {"african": 0.8, "caucasian": 0.2}, ("black", "dark brown")),
    "dark": ((0.085, 0.04, 0.024), {"african": 1.0}, ("black",)),
}
IRISES = {"brown": (0.1, 0.035, 0.012), "hazel": (0.16, 0.1, 0.03), "blue": (0.12, 0.22, 0.4), "green": (0.12, 0.2, 0.1)}
BEARDS = {"none": 4.0, "stubble": 2.0, "moustache": 0.6, "goatee": 0.8, "short": 1.5, "full": 1.2, "long": 0.5}
GARMENTS = ("t-shirt", "long sleeves", "shirt", "tank top", "hoodie", "turtleneck", "jacket", "v-neck")
PATTERNS = ("plain", "plain", "plain", "stripes", "check", "dots", "print", "knit", "pinstripes", "logo")
FEATURES = {  # how far each of the model's local changes may go
    "nose-scale-horiz-incr": 0.7,
    "nose-scale-vert-incr": 0.5,
    "nose-hump-incr": 0.7,
    "nose-point-up": 0.6,
    "nose-width2-incr": 0.6,
    "chin-width-incr": 0.6,
    "chin-height-incr": 0.5,
    "chin-prominent-incr": 0.5,
    "chin-jaw-drop-incr": 0.4,
    "head-fat-incr": 0.5,
    "head-scale-horiz-incr": 0.35,
    "head-scale-vert-incr": 0.35,
    "head-scale-depth-incr": 0.3,
    "forehead-scale-vert-incr": 0.4,
    "mouth-scale-horiz-incr": 0.5,
    "mouth-upperlip-height-incr": 0.5,
    "mouth-lowerlip-volume-incr": 0.5,
    "eyebrows-trans-up": 0.4,
}
EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "smile": {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4},
    "grin": {
        "mouthSmileLeft": 0.9,
        "mouthSmileRight": 0.9,
        "cheekSquintLeft": 0.7,
        "cheekSquintRight": 0.7,
        "eyeSquintLeft": 0.4,
        "eyeSquintRight": 0.4,
    },
    "talking": {"jawOpen": 0.22, "mouthFunnel": 0.2},
    "surprised": {
        "jawOpen": 0.3,
        "browInnerUp": 0.8,
        "browOuterUpLeft": 0.7,
        "browOuterUpRight": 0.7,
        "eyeWideLeft": 0.5,
        "eyeWideRight": 0.5,
    },
    "frown": {"browDownLeft": 0.8, "browDownRight": 0.8, "mouthFrownLeft": 0.4, "mouthFrownRight": 0.4},
    "blink": {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    "pucker": {"mouthPucker": 0.7},
}
FRAMINGS = {"close": 1.0, "head and shoulders": 4.0, "half body": 3.5, "three quarters": 1.5}
LIGHTS = {
    "soft": 3.0,
    "window": 3.0,
    "warm lamp": 1.5,
    "ring": 1.0,
    "rim": 1.5,
    "overcast": 1.5,
    "screen": 1.0,
    "two colours": 0.6,
    "sun": 1.2,
}
