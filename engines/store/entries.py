"""A file of the cache: the SHA-256 of all that follows, a line of JSON, and the three engines of one `Key`."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SUFFIX = ".engines"
DIGEST = 64  # hexadecimal digits of a SHA-256

Engines = dict[str, bytes]  # by network: "mpn", "qun", "mrn"


class Damaged(Exception):
    """A file of the cache is not what was written to it. The message says in what way."""


@dataclass(frozen=True)
class Key:
    """All that an engine depends on. Engines with different keys are never exchanged."""

    backend: str
    device: str  # that it runs on: "sm89", a processor's name, ...
    shapes: str  # "1280x720", or a range: "640x480:1280x720:1920x1080"
    precision: str
    compiler: str  # package and version: "tensorrt_rtx 1.7.1.116"
    weights: str  # SHA-256
    graphs: str  # SHA-256

    @property
    def file(self) -> str:
        """The name of its file: readable, and unique to the key."""
        digest = hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()
        readable = re.sub(r"[^\w.]+", "-", f"{self.shapes}-{self.precision}-{self.device}".lower())
        return f"{readable[:60]}-{digest[:16]}{SUFFIX}"


@dataclass(frozen=True)
class Entry:
    """A file of the cache. If it is damaged, `key` is None and `damage` says how."""

    path: Path
    key: Key | None
    lengths: dict[str, int] = field(default_factory=dict)  # bytes of each engine in it
    damage: str = ""


def pack(key: Key, engines: Engines) -> Iterator[bytes]:
    """The parts of a file: digest, line of JSON, engines."""
    head = {"key": asdict(key), "lengths": {name: len(engine) for name, engine in engines.items()}}
    parts = [json.dumps(head).encode() + b"\n", *engines.values()]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    yield digest.hexdigest().encode() + b"\n"
    yield from parts


def unpack(content: bytes) -> tuple[Key, Engines]:
    """The inverse of `pack`. Raises Damaged if anything in the file was changed."""
    start = DIGEST + 1
    if hashlib.sha256(memoryview(content)[start:]).hexdigest().encode() + b"\n" != content[:start]:
        raise Damaged("its SHA-256 is not the one written into it")
    line = content.index(b"\n", start) + 1
    head = json.loads(content[start:line])
    lengths = head["lengths"]
    if min(lengths.values(), default=0) < 0 or sum(lengths.values()) != len(content) - line:
        raise Damaged("its engines do not have the lengths written into it")
    engines = {}
    for name, length in lengths.items():
        engines[name] = content[line : line + length]
        line += length
    return key_of(head), engines


def key_of(head: dict[str, Any]) -> Key:
    if not all(isinstance(value, str) for value in head["key"].values()):
        raise Damaged("its key is not one of texts")
    return Key(**head["key"])
