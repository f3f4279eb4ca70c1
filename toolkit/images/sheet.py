"""A photographed sheet of digits: which strokes make a digit, which digits make a row, and the cut images."""

import heapq
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from toolkit.errors import ToolkitError
from toolkit.images.box import Box
from toolkit.images.ink import InkMap, map_ink
from toolkit.images.normal_form import normal_form
from toolkit.images.page_edges import PageEdges, find_page_edges, inside_page
from toolkit.images.rows import arrange


@dataclass(frozen=True)
class StrokeLimits:
    """What connected ink must be to count as a stroke of somebody's pen; shares unless said otherwise."""

    marks: int = 5000  # on a photo, dirt and all: noise that has more would take minutes
    strokes: int = 1000  # the same once dirt is gone; real pages were seen with up to 210
    most: int = 2000  # strokes that are asked what is typical: noise may break into many more
    alike: float = 0.5  # of the logarithm of their sizes: digits of one writer differ by less
    faint: float = 0.2  # of the typical ink's contrast: paler is no ink at all
    palest: float = 0.35  # of the typical ink's contrast: print showing through is paler
    edge: float = 0.4  # of a stroke's own contrast: where it ends
    smallest: float = 0.12  # of the typical digit's longer side: anything smaller is dirt, half of it where dots count
    cut_off: float = 0.75  # of the typical size and contrast: less, at the photo's border, is no digit
    joined: float = 1.2  # of the typical digit's longer side: larger ones may be two that touch
    core: float = 0.55  # of a stroke's contrast: where two that touch come apart


@dataclass(frozen=True)
class DigitLimits:
    """What strokes must be, and how they must lie to one another, to make one digit, letter or sign."""

    small: float = 0.3  # of the typical digit's longer side: what is smaller is dirt
    flat: float = 2.2  # times as wide as high is no digit
    # of the usual thickness: print and the remains of a printed line. Of 373 digits on real photos, some in two pens,
    # the thinnest have 0.60, print on a whiteboard at most 0.33
    thin: float = 0.42
    solid: float = 0.56  # of its longer side: a magnet is as thick, so are a marker's 6 and 8 with filled loops,
    round: float = 0.85  # but of those the shorter side is at most 0.77 of the longer, of magnets 0.9
    fragment: float = 0.75  # of its neighbour's height: a taller piece is a digit of its own
    largest: float = 1.45  # of the typical digit's longer side: what parts of one digit measure together
    bar_gap: float = 0.35  # of the digit's longer side, between a 5 and its bar
    side_gap: float = 0.1  # of the digit's longer side, between the strokes of an open 4


@dataclass(frozen=True)
class InkLimits:
    """What becomes full ink, and what paper, in the cut image."""

    solid: float = 0.8  # of the ink's contrast nearby: darker is full ink
    foot: float = 0.3  # of full ink: paler is paper
    pale: float = 0.4  # of the ink's contrast in the whole digit: the palest that is raised to full ink


STROKE, DIGIT, INK = StrokeLimits(), DigitLimits(), InkLimits()


@dataclass(frozen=True)
class Stroke:
    """Connected ink at working resolution."""

    label: int
    box: Box
    area: int
    contrast: float
    blot: int = 0  # the paler ink it was part of: strokes of one blot lie very close together
    thickness: float = 0.0  # where it is thickest: the diameter of the largest circle in it


@dataclass(frozen=True)
class Digit:
    """One or several strokes that were written as one digit."""

    strokes: tuple[Stroke, ...]

    @cached_property
    def box(self) -> Box:
        lefts, tops, rights, bottoms = zip(*(stroke.box for stroke in self.strokes), strict=True)
        return Box(min(lefts), min(tops), max(rights), max(bottoms))

    @property
    def thickness(self) -> float:
        return max(stroke.thickness for stroke in self.strokes)


@dataclass(frozen=True, eq=False)
class Sheet:
    """A photo, its ink, and its strokes; ``labels``, int32 (h, w), holds every working pixel's stroke, 0 for none."""

    grey: np.ndarray  # uint8 (H, W), full resolution
    ink: InkMap
    strokes: tuple[Stroke, ...]
    labels: np.ndarray
    dots: bool = False  # whether spots may be signs, or parts of them

    def in_photo(self, box: Box) -> Box:
        """A box at working resolution in pixels of ``grey``."""
        return Box(*(round(edge / self.ink.scale) for edge in box))


def scan(grey: np.ndarray, dots: bool = False) -> Sheet:
    """Find the strokes on a photo, grey values of shape (H, W); a ``ToolkitError`` if it is too small or full of marks.

    With ``dots`` also what is no larger than the pen is wide: of digits it is dirt, of an i or a ÷ a part.
    """
    ink = map_ink(grey)
    strokes, labels = _strokes(ink, dots)
    return Sheet(grey, ink, tuple(strokes), labels, dots)


def find_rows(sheet: Sheet, turns: int = 0, flat: bool = False) -> list[list[Digit]]:
    """The digits row by row, as they read after the photo has been turned by ``turns`` quarters, counter-clockwise.

    With ``flat`` also what is too flat for a digit: a minus.
    """
    originals = {stroke.label: stroke for stroke in sheet.strokes}
    height, width = sheet.labels.shape
    turned = [replace(stroke, box=stroke.box.turned(turns, width, height)) for stroke in sheet.strokes]
    if not turned:
        return []
    typical, _ = _typical(turned)
    # the median over all ink: print has more letters than there are digits, but less ink
    own, areas = [stroke.thickness for stroke in turned], [stroke.area for stroke in turned]
    usual = float(np.quantile(own, 0.5, weights=areas, method="inverted_cdf"))
    digits = [
        digit
        for digit in _join(turned, typical)
        if digit.box.size > DIGIT.small * typical
        and (flat or digit.box.width < DIGIT.flat * digit.box.height)
        and digit.thickness > DIGIT.thin * usual
        and (sheet.dots or len(digit.strokes) > 1 or not _solid(digit.strokes[0]))
    ]
    centres = np.array([digit.box.centre for digit in digits]).reshape(-1, 2)
    rows = arrange(centres, np.array([digit.box.height for digit in digits], dtype=float))
    return [[Digit(tuple(originals[stroke.label] for stroke in digits[i].strokes)) for i in row] for row in rows]


def cut(sheet: Sheet, digit: Digit, turns: int = 0) -> np.ndarray:
    """One digit in normal form, uint8 (28, 28), after turning by ``turns`` quarters, counter-clockwise."""
    return normal_form(np.ascontiguousarray(np.rot90(_ink_of(sheet, digit), turns)))


def _components(mask: np.ndarray, contrast: np.ndarray, smallest: int, most: int) -> tuple[list[Stroke], np.ndarray]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = [label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= smallest]
    if len(large) > most:
        raise ToolkitError(f"{len(large):,} marks are more than a page of writing has. Photograph the writing alone.")
    strokes = []
    for label in large:
        left, top, width, height, area = (int(value) for value in stats[label])
        box = Box(left, top, left + width, top + height)
        level = float(np.percentile(contrast[box.window][labels[box.window] == label], 85))
        strokes.append(Stroke(label, box, area, level))
    return strokes, labels


def _strokes(ink: InkMap, dots: bool) -> tuple[list[Stroke], np.ndarray]:
    """Strokes of digits, cleared of dirt, edges and what shows through from the other side."""
    edges, dark = find_page_edges(ink.paper), ink.strokes
    typical_contrast = 0.0
    for _ in range(2):
        # then what is much paler than typical ink goes, printed lines above all; what it held together comes apart
        dark = dark & (ink.contrast > STROKE.faint * typical_contrast)
        coarse, labels = _components(dark, ink.contrast, smallest=10, most=STROKE.marks)
        inner = _on_page([stroke for stroke in coarse if not _touches_border(stroke, labels.shape)], edges)
        if not inner:
            return [], labels
        typical_size, typical_contrast = _typical(inner)
    kept = [
        stroke
        for stroke in inner
        if stroke.contrast > STROKE.palest * typical_contrast and stroke.box.size > STROKE.smallest / 2 * typical_size
    ]
    # a digit may just touch the photo's border; what runs along it is a table's or a scan's edge
    kept += [
        stroke
        for stroke in coarse
        if _touches_border(stroke, labels.shape)
        and stroke.contrast > STROKE.cut_off * typical_contrast
        and STROKE.cut_off * typical_size < stroke.box.size < typical_size / STROKE.cut_off
        and _contact(labels == stroke.label) < stroke.box.size / 2
    ]
    # every stroke once more at its own edge: halos go, neighbours that only blur into each other part
    edge = np.full(labels.max() + 1, np.inf, np.float32)
    for stroke in _on_page(kept, edges):
        edge[stroke.label] = STROKE.edge * stroke.contrast
    blots = labels
    fine, labels = _components(ink.contrast > edge[labels], ink.contrast, smallest=6, most=STROKE.strokes)
    if not fine:
        return [], labels
    fine = _part_neighbours(fine, labels, ink.contrast)
    depth = cv2.distanceTransform((labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
    for number, stroke in enumerate(fine):
        window = stroke.box.window
        own = labels[window] == stroke.label
        thickness = 2 * float(depth[window][own].max())
        fine[number] = replace(stroke, blot=int(blots[window][own][0]), thickness=thickness)
    typical_size, typical_contrast = _typical(fine)
    smallest = STROKE.smallest * typical_size / (2 if dots else 1)
    return [
        stroke
        for stroke in fine
        if stroke.box.size > smallest
        and stroke.contrast
        > (STROKE.palest if stroke.box.size > typical_size / 2 else STROKE.cut_off) * typical_contrast
    ], labels


def _part_neighbours(strokes: list[Stroke], labels: np.ndarray, contrast: np.ndarray) -> list[Stroke]:
    """Take apart, in ``labels`` as well, what is too large for one digit and falls into two at its darker core."""
    typical_size, _ = _typical(strokes)
    parted = []
    for stroke in strokes:
        window, darkness = labels[stroke.box.window], contrast[stroke.box.window]
        own = window == stroke.label
        large: list[Stroke] = []
        if stroke.box.size > STROKE.joined * typical_size:
            pieces, marks = _components(own & (darkness > STROKE.core * stroke.contrast), darkness, 6, STROKE.strokes)
            large = [piece for piece in pieces if piece.box.size > STROKE.cut_off * typical_size]
        if len(large) < 2 or sum(piece.area for piece in large) < STROKE.cut_off * stroke.area:
            parted.append(stroke)
            continue
        # every pixel of the stroke goes to the nearest piece
        ground = np.where(np.isin(marks, [piece.label for piece in large]), 0, 1).astype(np.uint8)
        _, nearest = cv2.distanceTransformWithLabels(ground, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_CCOMP)
        for number, piece in enumerate(large, labels.max() + 1):
            zone = own & (nearest == nearest[marks == piece.label][0])
            window[zone] = number
            x, y, width, height = cv2.boundingRect(zone.astype(np.uint8))
            x, y = stroke.box.left + x, stroke.box.top + y
            box = Box(x, y, x + width, y + height)
            parted.append(Stroke(number, box, int(zone.sum()), piece.contrast))
    return parted


def _on_page(strokes: list[Stroke], edges: PageEdges) -> list[Stroke]:
    """Leave out what lies beyond the edges of the page, judged by the strokes of a digit's size."""
    if not strokes:
        return []
    typical_size, typical_contrast = _typical(strokes)
    centres = np.array([stroke.box.centre for stroke in strokes])
    sizes = np.array([stroke.box.size for stroke in strokes], dtype=float)
    likely = (np.abs(np.log(sizes / typical_size)) < STROKE.alike) & np.array(
        [stroke.contrast > STROKE.palest * typical_contrast for stroke in strokes]
    )
    inside = inside_page(edges, centres, sizes, likely)
    return [stroke for stroke, kept in zip(strokes, inside, strict=True) if kept]


def _touches_border(stroke: Stroke, shape: tuple[int, ...]) -> bool:
    left, top, right, bottom = stroke.box
    return left <= 1 or top <= 1 or right >= shape[1] - 1 or bottom >= shape[0] - 1


def _contact(mask: np.ndarray) -> int:
    """How many pixels along the photo's border a stroke covers."""
    return sum(int(side.any(axis=0).sum()) for side in (mask[:2], mask[-2:], mask.T[:2], mask.T[-2:]))


def _solid(stroke: Stroke) -> bool:
    """A magnet, a spot: not what a pen writes."""
    shorter = min(stroke.box.width, stroke.box.height)
    return stroke.thickness > DIGIT.solid * stroke.box.size and shorter > DIGIT.round * stroke.box.size


def _typical(strokes: list[Stroke]) -> tuple[float, float]:
    """Size and contrast of a digit: where strokes alike in both crowd together, the dark and large counting for more.

    Specks are many but small, print showing through pale, edges of a table few and of all sizes.
    """
    strokes = sorted(strokes, key=lambda stroke: -stroke.area)[: STROKE.most]
    features = np.log([(stroke.box.size, stroke.contrast) for stroke in strokes])
    weights = np.array([np.sqrt(stroke.area) * stroke.contrast**2 for stroke in strokes])
    apart = ((features[:, None] - features) / STROKE.alike) ** 2
    peak = features[int(np.argmax(np.exp(-apart.sum(axis=2)) @ weights))]
    alike = (np.abs(features - peak) < STROKE.alike).all(axis=1)
    size, contrast = np.exp(np.average(features[alike], axis=0, weights=weights[alike]))
    return float(size), float(contrast)


def _join(strokes: list[Stroke], typical: float) -> list[Digit]:
    """Put together the strokes of each digit: a 5 and its bar, an open 4, what a printed line broke into pieces.

    The nearest go together first, and what they make is compared again.
    """
    groups: dict[int, Digit] = {i: Digit((stroke,)) for i, stroke in enumerate(strokes)}
    boxes = np.array([stroke.box for stroke in strokes], dtype=float)
    near: list[tuple[float, int, int]] = []

    def compare(one: int, others: np.ndarray) -> None:
        reach = DIGIT.bar_gap * max(typical, *(boxes[one, 2:] - boxes[one, :2]))
        gaps = np.maximum(boxes[one, :2] - boxes[:, 2:], boxes[:, :2] - boxes[one, 2:]).max(axis=1)
        for other in others[gaps[others] <= reach].tolist():
            if (distance := _distance(groups[one], groups[other], typical)) is not None:
                heapq.heappush(near, (distance, one, other))

    for one in groups:
        compare(one, np.arange(one))
    while near:
        _, one, other = heapq.heappop(near)
        if one in groups and other in groups:
            joined, rest = Digit(groups.pop(one).strokes + groups.pop(other).strokes), np.array(list(groups), int)
            groups[len(boxes)] = joined
            boxes = np.append(boxes, [joined.box], axis=0)
            compare(len(boxes) - 1, rest)
    return list(groups.values())


def _distance(one: Digit, other: Digit, typical: float) -> float | None:
    """How far apart two parts of a digit are, ``None`` when they belong to different digits."""
    large, small = sorted((one.box, other.box), key=lambda box: -box.size)
    both = Digit(one.strokes + other.strokes).box
    across, down = both.width, both.height
    gap_x, gap_y = across - large.width - small.width, down - large.height - small.height  # below 0 they overlap
    gap, size = max(gap_x, gap_y), max(large.size, typical)
    over = -gap_x / min(large.width, small.width)  # how much of the narrower lies over or under the other
    beside = -gap_y / min(large.height, small.height)
    partial = small.height < DIGIT.fragment * large.height
    inside = max(0, -gap_x) * max(0, -gap_y) / (small.width * small.height)
    if {stroke.blot for stroke in one.strokes} & {stroke.blot for stroke in other.strokes} and (partial or over > 0.5):
        return -1 - inside
    if inside > (0.3 if partial else 0.6):
        return -inside
    if max(across, down) > DIGIT.largest * size:
        return None
    thin, thick = sorted((one.thickness, other.thickness))
    if thin < DIGIT.thin * thick and gap > 1:  # print beside writing
        return None
    if over > 0.4 and gap_y < DIGIT.bar_gap * size:  # a bar, or halves one over the other
        return gap / size
    if beside > 0.5 and partial and gap_x < DIGIT.side_gap * size:  # an open 4
        return gap / size
    pieces = large.size < DIGIT.fragment * typical
    if pieces and gap_x < 2 * DIGIT.side_gap * typical and gap_y < DIGIT.bar_gap * typical:
        return gap / size
    if gap <= 1 and (small.size < STROKE.cut_off * typical or across < typical / 2):
        return gap / size  # a piece that a printed line cut off, the other outline of a hollow 1
    return None


def _ink_of(sheet: Sheet, digit: Digit) -> np.ndarray:
    """One digit's ink from the full-resolution grey values, bright on black, uint8, as it lies in the photo.

    Other digits and printed lines are left out; a stroke's soft edge and its paler places stay.
    """
    grey, ink, labels = sheet.grey, sheet.ink, sheet.labels
    margin = 4
    left, top, right, bottom = digit.box
    height, width = labels.shape
    box = Box(max(0, left - margin), max(0, top - margin), min(width, right + margin), min(height, bottom + margin))
    window = box.window
    own = np.isin(labels[window], [stroke.label for stroke in digit.strokes])
    reachable = (ink.strokes[window] & (labels[window] == 0)) | own
    _, pieces = cv2.connectedComponents(reachable.astype(np.uint8), connectivity=8)
    mask = np.isin(pieces, pieces[own])
    others = (labels[window] != 0) & ~own
    mask = (cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~others

    crop = grey[sheet.in_photo(box).window].astype(np.float32)
    if ink.inverted:
        crop = 255 - crop
    size = crop.shape[::-1]
    paper = cv2.resize(ink.paper[window], size, interpolation=cv2.INTER_LINEAR)
    near = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    contrast = 1 - crop / paper
    # what counts as full ink goes with the pen's pressure, from place to place
    strokes = np.where(own, ink.contrast[window], 0)
    reach = max(3, round(0.15 * digit.box.size) | 1)
    nearby = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    pressed = cv2.blur(cv2.dilate(strokes, nearby), (reach, reach))
    pressed = np.maximum(pressed, INK.pale * float(np.percentile(strokes[own], 85)))
    solid = INK.solid * cv2.resize(pressed, size, interpolation=cv2.INTER_LINEAR)
    foot = INK.foot * solid
    inked = np.clip((contrast - foot) / (solid - foot), 0, 1)
    return np.where(near, np.round(255 * inked), 0).astype(np.uint8)
