"""The page to print and write on, and finding it again in a photo.

Ten rows of twelve boxes in a colour that the red channel does not see, and around them ArUco markers, whose ids
tell where they lie and on which paper (Garrido-Jurado et al., "Automatic generation and detection of highly
reliable fiducial markers under occlusion", 2014). A page for other classes than the digits has a QR code as well,
that says what stands in its rows, and other ids, that say there is one. Lengths on the page are mm, x to the right and
y down from the top left corner. Printing at another scale does no harm: the markers and the boxes shrink together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from toolkit.classes import DIGITS
from toolkit.errors import ToolkitError
from toolkit.images.box import Box
from toolkit.images.lettering import font_for, pillow_font, shown
from toolkit.images.sheet import DIGIT, Digit, Sheet, Stroke
from toolkit.paths import atomic_write

PAPERS = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}  # width and height
ROWS, COLUMNS = 10, 12
# the same boxes on both papers, in the middle: A4 is the narrower one, Letter the lower one
BOX_WIDTH, BOX_HEIGHT = 11.0, 15.0
ACROSS, DOWN = 12.8, 22.0  # from one box to the next
GRID_WIDTH, GRID_HEIGHT = ACROSS * (COLUMNS - 1) + BOX_WIDTH, DOWN * (ROWS - 1) + BOX_HEIGHT
OVERSTEP = 3.0  # around all the boxes: how far the flattened page follows a digit that leaves its box
MARGIN = 10.0  # printers leave up to 8 mm blank, and a marker needs white around it on a dark table
MARKERS = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)  # the fewest and so the largest modules
MARKER = 14.0  # its six modules have 5 pixels each in a photo of half a megapixel

WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (90, 90, 90)
DROP = (255, 175, 160)  # as bright as paper in red, plain to the eye through green and blue
RED = 0  # the channel in which the boxes vanish
LINE = 0.35  # what a box is drawn with
CAPITAL = 0.73  # of the font's size: the height of a capital or digit
LABEL, LABEL_WIDTH = 3.6, 17.0  # height of the name beside a row, and how far it may reach to the left
CODE = 20.0  # side of the code in the bottom margin; its modules are as large as a photo of one megapixel needs
CODE_FINENESS = (10, 6, 16)  # pixels per mm at which it is read, one after the other
INSTRUCTIONS = (  # in the top margin, left and right of its middle marker
    ("Print in colour. Write one sign in", "Lay the page flat. Take one photo of"),
    ("each box, as you always write, with", "the whole page with all black marks,"),
    ("a dark blue or black pen.", "sharp and without your shadow."),
)

SQUARE = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])  # corners in the order in which the detector gives a marker's
PIXELS_PER_MM = 8  # of the flattened page: digits are 5 to 12 mm high, twice to five times the 20 pixels they become
SEARCH_SIDE = 1600  # pixels: enough to read a marker where the page fills a third of the photo
FEWEST_MARKERS = 3
LARGEST_BEND = 20.0  # mm a marker on creased paper may be off the flat page; a misread one is further off
SMALLEST_SPAN = 0.08  # of the page: markers in one line cover up to 0.06 and leave the rest of it to chance
BEND_GRID = 40  # pixels: creases and curls are followed at this spacing


@dataclass(frozen=True)
class Printed:
    """What is on one page: the class and the number of boxes of each row, and its ``code`` if it has one."""

    rows: tuple[tuple[str, int], ...]
    code: str = ""
    heading: str = ""  # such as the page's number


TEN_DIGITS = Printed(tuple((name, COLUMNS) for name in DIGITS))

Colour = tuple[int, int, int]
Fill = Callable[[float, float, float, float, Colour], None]  # a rectangle: left, top, width and height in mm
Write = Callable[[float, float, float, str, Colour], None]  # words: left, baseline and height of capitals in mm


@dataclass(frozen=True, eq=False)
class Page:
    """Where in a photo the page lies: the flat page by its homography, and how the paper is bent off that."""

    paper: str  # one of PAPERS
    coded: bool  # whether it has a code that says what stands in its rows
    homography: np.ndarray  # (3, 3), from mm on the page to pixels in the photo
    anchors: np.ndarray  # (n, 2), mm: the centres of the n markers found
    bends: np.ndarray  # (n, 2), mm: how far from there the homography sees them

    def to_photo(self, points: np.ndarray) -> np.ndarray:
        """Bring points on the page, mm of shape (n, 2), to where they lie in the photo, pixels of shape (n, 2)."""
        return cv2.perspectiveTransform((points + self.bend(points))[None], self.homography)[0]

    def bend(self, points: np.ndarray) -> np.ndarray:
        """How far creased or curled paper is off at these points, mm: a thin-plate spline through the markers."""
        from scipy.interpolate import RBFInterpolator  # half a second, which printing the page need not wait for

        return RBFInterpolator(self.anchors, self.bends, kernel="thin_plate_spline")(points)


def write_template(path: Path, paper: str = "a4", sheets: Sequence[Printed] = (TEN_DIGITS,)) -> Path:
    """Write a page for each of ``sheets`` as PDF at its true size, the same bytes every time, and return ``path``.

    Raises ``ToolkitError`` for a paper that is not one of ``PAPERS`` and for a place that cannot be written.
    """
    if paper not in PAPERS:
        raise ToolkitError(f"There is no template for paper {paper!r}. Choose one of: {', '.join(PAPERS)}.")
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from matplotlib.transforms import Affine2D

    def fill(left: float, top: float, width: float, height: float, colour: Colour) -> None:
        painted = [value / 255 for value in colour]
        figure.add_artist(Rectangle((left, top), width, height, facecolor=painted, linewidth=0, transform=page))

    def write(left: float, baseline: float, height: float, words: str, colour: Colour) -> None:
        text = figure.text(left, baseline, words, color=[value / 255 for value in colour], transform=page)
        text.set(font=font_for(words), size=height / CAPITAL / 25.4 * 72)

    width, height = PAPERS[paper]
    metadata = {"CreationDate": None, "Title": "Signs to write"}
    with atomic_write(path) as temporary, PdfPages(temporary, metadata=metadata) as pages:
        for printed in sheets:
            figure = Figure(figsize=(width / 25.4, height / 25.4), facecolor="white")
            page = Affine2D().scale(1, -1).translate(0, height).scale(1 / 25.4) + figure.dpi_scale_trans
            draw_page(paper, printed, fill, write)
            pages.savefig(figure)
    return path


def find_page(photo: np.ndarray) -> Page | None:
    """Find the page in a photo, uint8 RGB of shape (H, W, 3), at any orientation.

    None where fewer than three of its markers are seen, or only ones so close together that they do not tell
    where the rest of the page lies.
    """
    found = _find_markers(photo[:, :, RED])
    kinds = [(paper, coded) for paper in PAPERS for coded in (False, True)]
    paper, coded = max(kinds, key=lambda kind: len(found.keys() & _marker_ids(*kind)))
    corners = {place: found[marker] for place, marker in enumerate(_marker_ids(paper, coded)) if marker in found}
    if len(corners) < FEWEST_MARKERS:
        return None
    on_page = _marker_places(paper)[list(corners), None] + SQUARE * MARKER
    in_photo = np.stack(list(corners.values()))
    # judged in mm, which mean the same near the camera and far from it, then fitted in pixels, as they were measured
    _, near = cv2.findHomography(in_photo.reshape(-1, 2), on_page.reshape(-1, 2), cv2.RANSAC, LARGEST_BEND)
    agrees = near.reshape(-1, 4).all(axis=1)
    on_page, in_photo = on_page[agrees], in_photo[agrees]
    if len(on_page) < FEWEST_MARKERS:
        return None
    span = cv2.contourArea(cv2.convexHull(on_page.reshape(-1, 2).astype(np.float32)))
    if span < SMALLEST_SPAN * np.prod(PAPERS[paper]):
        return None
    homography, _ = cv2.findHomography(on_page.reshape(-1, 2), in_photo.reshape(-1, 2))
    seen = cv2.perspectiveTransform(in_photo, np.linalg.inv(homography))
    return Page(paper, coded, homography, on_page.mean(axis=1), (seen - on_page).mean(axis=1))


def flatten(photo: np.ndarray, page: Page) -> np.ndarray:
    """The boxes and ``OVERSTEP`` around them seen from straight above, ``PIXELS_PER_MM`` fine.

    Takes the photo, uint8 RGB of shape (H, W, 3), and returns its red channel, uint8 of shape (1752, 1262) for
    either paper: ink dark on paper, the boxes all but gone, markers and labels outside. What the photo does
    not show is white.
    """
    height, width = (round((length + 2 * OVERSTEP) * PIXELS_PER_MM) for length in (GRID_HEIGHT, GRID_WIDTH))
    corner = box_corner(page.paper, 0, 0) - OVERSTEP
    xs, ys = ((np.arange(count, dtype=np.float32) + 0.5) / PIXELS_PER_MM for count in (width, height))
    points = np.stack(np.meshgrid(xs, ys), axis=-1) + corner.astype(np.float32)
    # the bend is smooth: a coarse grid of it will do
    shape = -(-height // BEND_GRID), -(-width // BEND_GRID)
    coarse = cv2.resize(points, shape[::-1], interpolation=cv2.INTER_AREA)
    bend = page.bend(coarse.reshape(-1, 2)).reshape(*shape, 2).astype(np.float32)
    points += cv2.resize(bend, (width, height), interpolation=cv2.INTER_LINEAR)
    places = cv2.perspectiveTransform(points, page.homography)
    # a photo finer than that is shrunk first, or thin strokes would be hit and missed
    red = photo[:, :, RED]
    quad = places[[0, 0, -1, -1], [0, -1, -1, 0]]
    shrink = min(1.0, np.sqrt(height * width / max(1.0, cv2.contourArea(quad))))
    small = cv2.resize(red, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    ratio = (np.array(small.shape[::-1]) / red.shape[::-1]).astype(np.float32)
    places = (places + np.float32(0.5)) * ratio - np.float32(0.5)  # pixels are counted from their centres
    xs, ys = places[..., 0], places[..., 1]
    return cv2.remap(small, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=255)


def read_code(photo: np.ndarray, page: Page) -> str | None:
    """What the code of a page in a photo, uint8 RGB of shape (H, W, 3), says; ``None`` where it cannot be read."""
    import zxingcpp

    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    border = 3.0  # mm: the code needs white around it
    corners = np.array(_code_place(page.paper)) - border + SQUARE * (CODE + 2 * border)
    in_photo = page.to_photo(corners).astype(np.float32)
    for fineness in CODE_FINENESS:
        side = round((CODE + 2 * border) * fineness)
        upright = cv2.getPerspectiveTransform(in_photo, (SQUARE * side).astype(np.float32))
        seen = cv2.warpPerspective(grey, upright, (side, side))
        if codes := zxingcpp.read_barcodes(seen, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)):
            return str(codes[0].text)
    return None


def box_of(row: int, column: int) -> Box:
    """One box in the flattened page, in pixels; row 0 holds the zeros."""
    left, top = OVERSTEP + column * ACROSS, OVERSTEP + row * DOWN
    edges = np.array((left, top, left + BOX_WIDTH, top + BOX_HEIGHT))
    return Box(*np.round(edges * PIXELS_PER_MM).astype(int).tolist())


def rows_in_boxes(sheet: Sheet, counts: Sequence[int] = (COLUMNS,) * ROWS) -> list[list[Digit]]:
    """What stands in a flattened page that was scanned, row by row; ``counts`` are the boxes of each row.

    A row is shorter where boxes are empty. A stroke belongs to the box that its middle is nearest to.
    """
    places = [(row, column) for row, count in enumerate(counts) for column in range(count)]
    boxes = np.array([box_of(*place) for place in places]) * sheet.ink.scale
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    written: dict[tuple[int, int], list[Stroke]] = {place: [] for place in places}
    for stroke in sheet.strokes:
        nearest = np.abs(middles - stroke.box.centre).max(axis=1).argmin()
        written[places[nearest]].append(stroke)
    digits = {place: Digit(tuple(strokes)) for place, strokes in written.items() if strokes}
    smallest = DIGIT.small * float(np.median([digit.box.size for digit in digits.values()])) if digits else 0
    large = [(row, digit) for (row, _), digit in digits.items() if digit.box.size > smallest]
    return [[digit for row, digit in large if row == number] for number in range(len(counts))]


def box_corner(paper: str, row: int, column: int) -> np.ndarray:
    """Where a box begins on the page: x and y in mm."""
    first = (np.array(PAPERS[paper]) - (GRID_WIDTH, GRID_HEIGHT)) / 2
    return first + np.array((column * ACROSS, row * DOWN))


def _marker_places(paper: str) -> np.ndarray:
    """Top left corners of the markers, mm, shape (12, 2): five down each side, one in the middle of top and bottom.

    Between rows, where they are clear of the labels. So many, because a thumb may cover one, and because those
    between the corners tell how the paper is creased.
    """
    width, height = PAPERS[paper]
    right, bottom = width - MARGIN - MARKER, height - MARGIN - MARKER
    top = box_corner(paper, 0, 0)[1]
    between = [top + rows * DOWN - (DOWN - BOX_HEIGHT) / 2 - MARKER / 2 for rows in (2, 5, 8)]
    sides = [(x, y) for y in (MARGIN, *between, bottom) for x in (MARGIN, right)]
    return np.array([*sides, ((width - MARKER) / 2, MARGIN), ((width - MARKER) / 2, bottom)])


def _marker_ids(paper: str, coded: bool) -> range:
    count = len(_marker_places(paper))
    first = count * (list(PAPERS).index(paper) + len(PAPERS) * coded)
    return range(first, first + count)


def _code_place(paper: str) -> tuple[float, float]:
    """Top left corner of the code, mm: in the bottom margin, midway between two markers."""
    width, height = PAPERS[paper]
    middle = (MARGIN + MARKER + (width - MARKER) / 2) / 2
    return middle - CODE / 2, height - MARGIN - CODE


def draw_page(paper: str, printed: Printed, fill: Fill, write: Write) -> None:
    """Draw all that is on the page, what lies below first, with ``fill`` and ``write``."""
    for row, (name, count) in enumerate(printed.rows):
        for column in range(count):
            left, top = box_corner(paper, row, column).tolist()
            fill(left, top, BOX_WIDTH, BOX_HEIGHT, DROP)
            fill(left + LINE, top + LINE, BOX_WIDTH - 2 * LINE, BOX_HEIGHT - 2 * LINE, WHITE)
        left, top = box_corner(paper, row, 0).tolist()
        # the row's name ends beside its first box; a long one is written smaller
        words = shown(name)
        length = pillow_font(words, 100 / CAPITAL).getlength(words) * LABEL / 100
        size = LABEL * min(1.0, LABEL_WIDTH / length)
        write(left - 4 - min(length, LABEL_WIDTH), top + BOX_HEIGHT / 2 + size / 2, size, words, DROP)
    module = MARKER / 6
    for marker, (left, top) in zip(_marker_ids(paper, bool(printed.code)), _marker_places(paper), strict=True):
        fill(left, top, MARKER, MARKER, BLACK)
        bits = cv2.aruco.generateImageMarker(MARKERS, marker, 6)
        for y, x in np.argwhere(bits):
            for down, right in ((0, 0), (0, 1), (1, 0)):  # over both of two that meet, or a hairline shows between
                if bits[y + down, x + right]:
                    wide, high = (1 + right) * module, (1 + down) * module
                    fill(left + x * module, top + y * module, wide, high, WHITE)
    if printed.code:
        _draw_code(paper, printed.code, fill)
    first, second = MARGIN + MARKER + 5, (PAPERS[paper][0] + MARKER) / 2 + 5
    for line, (left_words, right_words) in enumerate(INSTRUCTIONS):
        baseline = MARGIN + 3.5 + 5 * line
        write(first, baseline, 2.3, left_words, GREY)
        write(second, baseline, 2.3, right_words, GREY)
    if printed.heading:
        write(second, PAPERS[paper][1] - MARGIN - 3, 2.3, printed.heading, GREY)


def _draw_code(paper: str, text: str, fill: Fill) -> None:
    """Draw a QR code that says ``text``."""
    import zxingcpp

    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    dark = np.array(code.to_image(scale=1, add_quiet_zones=False)) == 0
    left, top = _code_place(paper)
    module = CODE / len(dark)
    for y, row in enumerate(dark):
        edges = np.flatnonzero(np.diff(np.pad(row, 1).astype(int)))  # where dark runs begin and end
        for begin, end in edges.reshape(-1, 2):
            # a little higher than a module, or a hairline shows between two
            fill(left + begin * module, top + y * module, (end - begin) * module, 1.02 * module, BLACK)


def _find_markers(grey: np.ndarray) -> dict[int, np.ndarray]:
    """Markers by id: their corners in pixels of this image, shape (4, 2)."""
    shrink = min(1.0, SEARCH_SIDE / max(grey.shape))
    if shrink * min(grey.shape) < 1:
        return {}  # a line of pixels
    small = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    parameters = cv2.aruco.DetectorParameters()
    # to a tenth of a pixel, which is 0.05 mm: looking at the whole photo again would add nothing
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    corners, ids, _ = cv2.aruco.ArucoDetector(MARKERS, parameters).detectMarkers(small)
    if not corners:
        return {}
    ratio = np.array(grey.shape[::-1]) / small.shape[::-1]
    return {
        int(marker): (corner.reshape(4, 2).astype(np.float64) + 0.5) * ratio - 0.5
        for marker, corner in zip(ids.ravel(), corners, strict=True)
    }
