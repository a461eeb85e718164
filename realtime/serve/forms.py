"""Forms of files (multipart/form-data), stored part by part as they come: never whole in memory, never by a client's name."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from python_multipart.multipart import MultipartParser, parse_options_header

from realtime.closing import Closing

WRONG = "the form is not what multipart/form-data looks like; see /docs"

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # what is wrong with a form, its client is told


def boundary_of(content_type: str) -> bytes | None:
    """What parts the files of a form, by its Content-Type; None if the body is no form. Raises ValueError if it is missing."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return None
    if not options.get(b"boundary"):
        raise ValueError(WRONG)
    return options[b"boundary"]


class Form(Closing):
    """Stores the files of a form in a folder, each under the name of its part, which is one of `parts`.

    A context manager. All its methods raise ValueError for a form that is wrong.
    """

    def __init__(self, boundary: bytes, folder: Path, parts: Sequence[str]) -> None:
        self._folder, self._parts = folder, parts
        self._stack = ExitStack()
        self._header, self._value = bytearray(), bytearray()
        self._name = ""
        self._file: BinaryIO | None = None
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._open,
                "on_part_data": self._write,
                "on_part_end": self._close,
                "on_end": self._end,
            },
        )

    def write(self, data: bytes) -> None:
        """Take the next bytes of the body."""
        self._parser.write(data)

    def finish(self) -> None:
        """Check that the body had an end."""
        if not self._ended:
            raise ValueError("the form ended early")

    def close(self) -> None:
        """Close the file of a part that did not end."""
        self._stack.close()

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._name = parse_options_header(bytes(self._value))[1].get(b"name", b"").decode("latin-1")
        self._header.clear()
        self._value.clear()

    def _open(self) -> None:
        if self._name not in self._parts:
            raise ValueError(f"the form has a part that is not asked for; name its parts {' and '.join(self._parts)}")
        path = self._folder / self._name
        if path.exists():
            raise ValueError(f"the form has two parts named {self._name}; send one")
        self._file = self._stack.enter_context(path.open("wb"))
        self._name = ""

    def _write(self, data: bytes, start: int, end: int) -> None:
        assert self._file is not None
        self._file.write(data[start:end])

    def _close(self) -> None:
        assert self._file is not None
        self._file.close()

    def _end(self) -> None:
        self._ended = True
