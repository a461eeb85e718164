"""What is closed at the end of a `with` block."""

from typing import Self


class Closing:
    """A context manager: leaving its block calls `close`."""

    def close(self) -> None:
        """Release what is held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
