"""A program that runs beside ours: it answers through a pipe, and what it complained of is told should it end."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from engines.errors import DataError


class Child:
    """A process with pipes to its input and from its output, in bytes, ended by `close` or with the block.

    `label` begins what is told of it. Raises DataError if it cannot be started.
    """

    def __init__(self, label: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._label = label
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints
            )
        except OSError as error:
            self._complaints.close()
            raise DataError(f"{label}: cannot run {command[0]}: {error.strerror}") from error

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _send(self, request: bytes) -> None:
        """Raises DataError if the process has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise DataError(self._end()) from error

    def _end(self) -> str:
        """How it ended: its last line of complaint."""
        code = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return f"{self._label}: its process ended (code {code}): {last}"
