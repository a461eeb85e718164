"""A child process with pipes; its last line on standard error is reported if it dies."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from engines.errors import DataError


class Child:
    """A process with binary pipes to its input and output, killed by `close` or at the end of the block.

    `label` begins its error messages. Raises DataError if it cannot be started.
    """

    def __init__(self, label: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._label = label
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr
            )
        except OSError as error:
            self._stderr.close()
            raise DataError(f"{label}: cannot run {command[0]}: {error.strerror}") from error

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.communicate()
        self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _send(self, request: bytes) -> None:
        """Write to its input. Raises DataError if the process has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise DataError(self._end()) from error

    def _end(self) -> str:
        """How it ended: its exit code and last line on standard error."""
        code = self._process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
        return f"{self._label}: its process ended (code {code}): {last}"
