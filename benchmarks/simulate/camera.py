"""The camera: from where it looks, what it frames, how its pixels are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from benchmarks.simulate.paper import Layout, Paper, Place

VIEWING_DISTANCE = 1.2  # camera to paper, in lengths of what it frames: a phone's field of view
Table = Literal["dark", "wood", "light"]


@dataclass(frozen=True)
class Camera:
    """What takes the photo, from where and in which light."""

    megapixels: float = 12.0
    turn: float = 0.0  # degrees by which the sheet lies turned clockwise in the photo
    tilt: float = 0.0  # degrees off the vertical
    tilt_from: float = 90.0  # degrees, the side the camera looks from: 0 right, 90 below
    table: Table | None = "dark"  # None: close up, nothing but paper around the writing
    margin: float = 0.04  # what is left around the sheet, or around the writing without a table; share of the frame
    exposure: float = 1.0  # brightness of the photo; 1 leaves white paper at its colour
    warmth: float = 0.0  # colour of the light: -1 blue daylight, 0 white, 1 yellow bulb
    gradient: float = 0.0  # share of light lost from the bright side to the dark one
    vignetting: float = 0.0  # share of light lost in the corners
    shadow: float = 0.0  # share of light that a hand with a phone takes away
    shadow_edge: float = 0.03  # its softness, as a share of the longer side
    blur: float = 0.7  # standard deviation, pixels
    noise: float = 2.0  # standard deviation on white paper, grey levels of 255
    jpeg_quality: int = 90
    orientation: int | None = None  # EXIF 1..8: pixels are stored so that it turns them upright; None: no tag
    quarter_turns: int = 0  # counter-clockwise, with no tag that says so: the photo lies on its side


@dataclass(frozen=True)
class View:
    """How the sheet, in mm from its middle, comes into the photo before any quarter turn."""

    matrix: np.ndarray  # homography, mm to pixels
    width: int
    height: int
    left: float  # mm: the part of the sheet that is drawn
    top: float
    scale: float  # pixels per mm of the flat sheet
    columns: int  # pixels of the flat sheet
    lines: int

    def project(self, points: np.ndarray) -> np.ndarray:
        return project(self.matrix, points)


def project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Bring points, (n, 2), through a homography, (3, 3)."""
    return cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(np.float64), matrix)[:, 0]


def corners(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Corners of a rectangle, (4, 2), clockwise from its left top."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def look_at(paper: Paper, camera: Camera, places: Sequence[Place], layout: Layout, rng: np.random.Generator) -> View:
    """How the camera sees a sheet on which signs stand at ``places``."""
    half_width, half_height = paper.size[0] / 2, paper.size[1] / 2
    if camera.table is None:
        reach = layout.height
        framed = corners(
            min(place.x for place in places) - reach,
            min(place.y for place in places) - 1.7 * reach,
            max(place.x for place in places) + reach,
            max(place.y for place in places) + reach,
        )
    else:
        framed = corners(-half_width, -half_height, half_width, half_height)
    size = framed.max(axis=0) - framed.min(axis=0)
    # 4:3, held the way the sheet lies
    longer = np.sqrt(camera.megapixels * 1e6 * 4 / 3)
    sides = round(longer), round(longer * 3 / 4)
    width, height = sides if size[0] > size[1] else sides[::-1]

    turn, side = np.radians(camera.turn), np.radians(camera.tilt_from)
    in_plane = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    axis = np.radians(camera.tilt) * np.array([-np.sin(side), np.cos(side), 0])
    distance = VIEWING_DISTANCE * float(size.max())
    rotation = cv2.Rodrigues(axis)[0] @ in_plane
    pinhole = np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, distance]])
    pinhole = np.diag([distance, distance, 1]) @ pinhole
    middle = framed.mean(axis=0)
    pinhole = pinhole @ np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]])
    seen = project(pinhole, framed)
    extent = seen.max(axis=0) - seen.min(axis=0)
    zoom = (1 - 2 * camera.margin) * float(np.min([width, height] / extent))
    # nobody centres a sheet exactly
    spare = np.array([width, height]) - zoom * extent
    begin = spare * (0.5 + rng.uniform(-0.25, 0.25, 2)) - zoom * seen.min(axis=0)
    matrix = np.array([[zoom, 0, begin[0]], [0, zoom, begin[1]], [0, 0, 1]]) @ pinhole

    drawn = framed
    if camera.table is None:  # the paper reaches beyond the frame
        drawn = project(np.linalg.inv(matrix), corners(-2, -2, width + 2, height + 2))
    (left, top), (right, bottom) = drawn.min(axis=0), drawn.max(axis=0)
    # as fine as the photo where it is finest, but no more pixels than it can show
    scale = max(_magnification(matrix, corner) for corner in framed)
    scale = min(scale, float(np.sqrt(1.5 * width * height / ((right - left) * (bottom - top)))))
    columns, lines = (int(np.ceil(scale * length)) for length in (right - left, bottom - top))
    return View(matrix, width, height, float(left), float(top), scale, columns, lines)


def _magnification(matrix: np.ndarray, point: np.ndarray) -> float:
    """Pixels per mm around a point."""
    around = project(matrix, point + np.array([[0, 0], [0.1, 0], [0, 0.1]]))
    return float(np.sqrt(abs(np.linalg.det((around[1:] - around[0]) / 0.1))))


def turned(points: np.ndarray, width: int, height: int, quarter_turns: int) -> np.ndarray:
    """Where points lie once an image of this size has been turned counter-clockwise, as ``np.rot90`` does."""
    for _ in range(quarter_turns % 4):
        points = np.column_stack([points[:, 1], width - points[:, 0]])
        width, height = height, width
    return points


def as_stored(photo: np.ndarray, orientation: int | None) -> np.ndarray:
    """The pixels that EXIF ``orientation`` turns into ``photo``."""
    match orientation:
        case 2:
            return photo[:, ::-1]
        case 3:
            return photo[::-1, ::-1]
        case 4:
            return photo[::-1]
        case 5:
            return photo.swapaxes(0, 1)
        case 6:
            return np.rot90(photo)
        case 7:
            return photo.swapaxes(0, 1)[::-1, ::-1]
        case 8:
            return np.rot90(photo, -1)
    return photo
