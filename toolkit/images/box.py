"""Rectangles in a picture."""

from typing import NamedTuple


class Box(NamedTuple):
    """Some pixels of a picture; ``right`` and ``bottom`` are excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def size(self) -> int:
        """The longer side."""
        return max(self.width, self.height)

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def window(self) -> tuple[slice, slice]:
        """What to index the picture with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def turned(self, turns: int, width: int, height: int) -> "Box":
        """Where it lies once the picture, so wide and high, has been turned by quarters, counter-clockwise."""
        box = self
        for _ in range(turns % 4):
            box = Box(box.top, width - box.right, box.bottom, width - box.left)
            width, height = height, width
        return box
