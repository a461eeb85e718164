"""Hairstyles: how long, how curly, how it is worn; and the colours that hair has."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """Ranges that a head of hair is drawn from. Lengths are metres on a grown head."""

    length: tuple[float, float]
    curl: tuple[float, float] = (0.0, 0.002)  # radius of the waves
    turns: tuple[float, float] = (5.0, 9.0)  # waves in a metre
    lift: tuple[float, float] = (0.006, 0.022)  # how far the outermost hair stands off the head
    stand: float = 0.0  # how much it stands up, against falling: 0 to 1
    tied: str = ""  # "ponytail", "bun", "pigtails" or "half": gathered behind
    fringe: bool = False
    back: bool = False  # combed back, without a parting
    strands: int = 24000
    weight: float = 1.0  # how often it is drawn
    women: float = 0.5  # the share of women among those who wear it


STYLES = {
    "long straight": Style((0.36, 0.62), weight=5.0, women=0.95),
    "long wavy": Style((0.34, 0.58), (0.008, 0.018), (6, 11), (0.012, 0.03), weight=2.5, women=0.95),
    "long curly": Style((0.36, 0.6), (0.009, 0.015), (14, 22), (0.015, 0.035), weight=1.5, women=0.9),
    "shoulder": Style((0.24, 0.33), (0.0, 0.006), lift=(0.008, 0.025), weight=2.0, women=0.9),
    "bob": Style((0.17, 0.23), (0.0, 0.004), lift=(0.01, 0.028), weight=1.5, women=0.97),
    "long fringe": Style((0.34, 0.58), lift=(0.008, 0.022), fringe=True, weight=2.0, women=0.97),
    "bob fringe": Style((0.17, 0.25), lift=(0.01, 0.025), fringe=True, weight=1.0, women=0.97),
    "ponytail": Style((0.3, 0.5), (0.0, 0.008), lift=(0.003, 0.01), tied="ponytail", weight=1.8, women=0.93),
    "pigtails": Style((0.25, 0.45), (0.0, 0.008), lift=(0.003, 0.01), tied="pigtails", weight=0.6, women=1.0),
    "bun": Style((0.2, 0.3), lift=(0.003, 0.012), tied="bun", weight=1.3, women=0.95),
    "half up": Style((0.34, 0.55), (0.0, 0.012), tied="half", weight=1.0, women=1.0),
    "pixie": Style((0.05, 0.1), lift=(0.01, 0.025), stand=0.15, fringe=True, weight=0.7, women=0.9, strands=22000),
    "short": Style((0.025, 0.06), lift=(0.008, 0.02), stand=0.15, weight=2.0, women=0.05, strands=24000),
    "short curly": Style((0.05, 0.11), (0.006, 0.01), (30, 45), (0.02, 0.035), stand=0.55, weight=1.0, women=0.3),
    "quiff": Style((0.05, 0.09), lift=(0.01, 0.025), stand=0.3, back=True, weight=1.0, women=0.03, strands=22000),
    "slicked back": Style((0.1, 0.22), lift=(0.003, 0.01), back=True, weight=0.7, women=0.3),
    "man long": Style((0.2, 0.36), (0.0, 0.012), lift=(0.006, 0.02), weight=0.8, women=0.0),
    "afro": Style((0.07, 0.15), (0.004, 0.007), (30, 45), (0.07, 0.13), stand=1.0, weight=1.0, women=0.5, strands=26000),
    "crew": Style((0.006, 0.016), lift=(0.004, 0.01), stand=0.8, weight=1.2, women=0.03, strands=30000),
    "bald": Style((0.003, 0.004), stand=0.8, weight=0.6, women=0.02, strands=6000),
}

COLOURS: dict[str, tuple[float, float, tuple[float, float, float]]] = {  # melanin, its redness, a dye
    "black": (0.97, 0.3, (1, 1, 1)),
    "dark brown": (0.8, 0.45, (1, 1, 1)),
    "brown": (0.58, 0.55, (1, 1, 1)),
    "light brown": (0.4, 0.5, (1, 1, 1)),
    "dark blond": (0.28, 0.4, (1, 1, 1)),
    "blond": (0.15, 0.45, (1, 1, 1)),
    "platinum": (0.06, 0.2, (1, 1, 1)),
    "auburn": (0.55, 0.95, (1, 1, 1)),
    "red": (0.3, 1.0, (1, 0.85, 0.75)),
    "grey": (0.22, 0.0, (0.85, 0.87, 0.9)),
    "white": (0.04, 0.0, (0.95, 0.96, 1)),
    "dyed": (0.05, 0.2, (0.5, 0.3, 0.9)),
}
"""What hair of each colour is drawn with: melanin in [0, 1], the share of it that is red, and a tint."""
