"""Ways to damage input: bytes of any file, chunks of a PNG, values of JSON, words of text."""
# ruff: noqa: SIM905 - a word a line would hide what they are

import json
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random
from typing import Any

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 60_000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
WORDS = (
    *"nan inf -inf -1 0 1 2 7.5 1e9 1e309 -0.0 99999999999999999999 null true [] {} \"\" '' \\ %s ../../x /dev/zero".split(),
    *"[[ = # ''' \"\"\" é \U0001f600 \ufeff".split(),
    *("\0", "\n", "\r"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 0.5, 1e9, 2**31, 2**63, 2**64, 10**30, float("nan"), float("inf"), -float("inf"), 1e308),
    *("", "person", "a.png", "nan", "\0", "\ud800", "x" * 10_000, [], [[]], {}, {"counts": []}, [1, 2], [None], [[1, 2, 3]]),
    *([[0, 0, 1e9, 0, 1e9, 1e9]], {"counts": "", "size": [8, 8]}, {"counts": [10**9], "size": [60_000, 60_000]}, [64, 64]),
)
DEEP = 100_000  # levels: more than any parser's stack

Change = Callable[[bytearray, Random, Sequence[bytes]], bytearray]


def _place(data: bytearray, random: Random) -> int:
    """A place in the data: as often in its head as in all of it."""
    return random.randrange(min(len(data), random.choice((64, 512, 4096, 1 << 30))))


def _flip(data: bytearray, random: Random, _: Sequence[bytes]) -> bytearray:
    for _time in range(random.choice((1, 1, 1, 4, 32))):
        data[_place(data, random)] ^= 1 << random.randrange(8)
    return data


def _number(data: bytearray, random: Random, _: Sequence[bytes]) -> bytearray:
    form, mask = random.choice(((">B", 0xFF), (">H", 0xFFFF), ("<H", 0xFFFF), (">I", 0xFFFF_FFFF), ("<I", 0xFFFF_FFFF)))
    new = struct.pack(form, random.choice(NUMBERS) & mask)
    at = _place(data, random)
    data[at : at + len(new)] = new
    return data


def _noise(data: bytearray, random: Random, _: Sequence[bytes]) -> bytearray:
    at = _place(data, random)
    length = min(random.choice((4, 64, 1024)), len(data) - at)
    data[at : at + length] = random.choice((bytes(length), b"\xff" * length, random.randbytes(length)))
    return data


def _cut(data: bytearray, random: Random, _: Sequence[bytes]) -> bytearray:
    return data[: random.choice((0, 1, 8, _place(data, random), random.randrange(len(data))))]


def _delete(data: bytearray, random: Random, _: Sequence[bytes]) -> bytearray:
    at = _place(data, random)
    del data[at : at + random.choice((1, 2, 16, 188, 1000))]
    return data


def _repeat(data: bytearray, random: Random, _: Sequence[bytes]) -> bytearray:
    at = _place(data, random)
    part = data[at : at + random.choice((1, 16, 188, 4096))]
    data[at:at] = part * random.choice((1, 1, 2, 50))
    return data


def _swap(data: bytearray, random: Random, _: Sequence[bytes]) -> bytearray:
    length = random.choice((1, 16, 188, 1024))
    one, two = sorted((_place(data, random), _place(data, random)))
    two = max(two, one + length)
    data[one : one + length], data[two : two + length] = data[two : two + length], data[one : one + length]
    return data


def _splice(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    other = random.choice(others or (bytes(data),))
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def _join(data: bytearray, random: Random, others: Sequence[bytes]) -> bytearray:
    return data + random.choice((data, random.choice(others or (bytes(data),)), random.randbytes(5000)))


BYTES: tuple[Change, ...] = (_flip, _flip, _number, _number, _noise, _cut, _delete, _repeat, _swap, _splice, _join)


def damage(data: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """The data with one to four changes; a PNG usually with the right checksums, so that its reader goes on."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        changed = random.choice(BYTES)(changed, random, others)
        if not changed:
            break
    if data[:4] == b"\x89PNG" and random.random() < 0.7:
        return with_right_checksums(bytes(changed))
    return bytes(changed)


def with_right_checksums(png: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what is in them."""
    out, at = bytearray(png[:8]), 8
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if at + 12 + length > len(png):
            break
        body = png[at + 4 : at + 8 + length]
        out += png[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return bytes(out + png[at:])


def damage_text(text: str, random: Random) -> bytes:
    """Text with some of its words replaced, lines gone or doubled, nested without end, or damaged as bytes."""
    for _ in range(random.choice((1, 1, 2, 5))):
        how = random.randrange(8)
        lines = text.split("\n")
        if how < 4:
            words = list(re.finditer(r"[-+.\w]+", text))
            if words:
                word = random.choice(words)
                text = (
                    text[: word.start()]
                    + random.choice((*WORDS, text[slice(*random.choice(words).span())]))
                    + text[word.end() :]
                )
        elif how == 4:
            del lines[random.randrange(len(lines))]
            text = "\n".join(lines)
        elif how == 5:
            line = random.choice(lines)
            lines.insert(random.randrange(len(lines) + 1), line)
            text = "\n".join(lines)
        elif how == 6:
            at = random.randrange(len(text) + 1)
            text = text[:at] + random.choice(WORDS) + text[at:]
        elif random.random() < 0.2:
            text += "\nx = " + "[" * DEEP + "]" * random.choice((0, DEEP))
    data = text.encode("utf-8", errors="surrogatepass")
    return damage(data, random) if data and random.random() < 0.15 else data


def damage_json(value: Any, random: Random) -> bytes:
    """JSON with some of its values replaced, gone, or nested without end; sometimes damaged as text."""
    value = json.loads(json.dumps(value))
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        path = random.choice(list(_paths(value, ())))
        if not path:
            value = deepcopy(random.choice(VALUES)) if random.random() < 0.2 else value
            continue
        place = value
        for step in path[:-1]:
            place = place[step]
        if random.random() < 0.2:
            del place[path[-1]]
        elif isinstance(place[path[-1]], int) and random.random() < 0.3:
            place[path[-1]] += random.choice((-1, 1, 1000, -1000))
        else:
            place[path[-1]] = deepcopy(random.choice(VALUES))
    text = json.dumps(value)
    if random.random() < 0.02:
        return (text[:-1] + ', "x": ' + "[" * DEEP).encode()
    return damage_text(text, random) if random.random() < 0.15 else text.encode()


def _paths(value: Any, path: tuple[Any, ...]) -> Any:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from _paths(each, (*path, key))
