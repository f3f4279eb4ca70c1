import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from toolkit.data.example_digits import writer_ink
from toolkit.errors import ToolkitError
from toolkit.images.reading import read_grey
from toolkit.images.simulate import (
    BALLPOINT,
    CHALK,
    CHALKBOARD,
    FINELINER,
    MARKER,
    PENCIL,
    WHITEBOARD,
    WHITEBOARD_MARKER,
    Camera,
    Layout,
    Paper,
    Pen,
    SimulatedSheet,
    conditions,
    save_photo,
    simulate_sheet,
)

GLYPHS = writer_ink(3)
ROWS = ("0123", "4567", "8901")
# nothing but ink on even paper, so that what one parameter adds can be told
PAPER = Paper(size=(100.0, 75.0), grain=0.0)
PEN = Pen(darkness=0.9, width=0.8, pressure=0.0, grain=0.0)
LAYOUT = Layout(height=12.0, height_spread=0.0, jitter=0.0, lean=0.0)
CAMERA = Camera(megapixels=0.12, table=None, margin=0.05, blur=0.0, noise=0.0)


def sheet(paper=PAPER, pen=PEN, camera=CAMERA, layout=LAYOUT, seed=0, rows=ROWS) -> SimulatedSheet:
    return simulate_sheet(GLYPHS, rows, paper, pen, camera, layout, seed)


def upright(taken: SimulatedSheet) -> np.ndarray:
    """The photo as Pillow shows it."""
    image = Image.fromarray(taken.photo)
    if taken.orientation is not None:
        image.getexif()[ExifTags.Base.Orientation] = taken.orientation
    return np.asarray(ImageOps.exif_transpose(image)).astype(int)


def ink(pen=PEN, **given) -> np.ndarray:
    """How much each pixel changes by the ink: the same photo with and without."""
    with_ink, without = (upright(sheet(pen=used, **given)) for used in (pen, replace(pen, darkness=0.0)))
    return np.abs(with_ink - without).max(axis=2)


def grey(**given) -> np.ndarray:
    return upright(sheet(**given)).mean(axis=2)


def blank(**given) -> np.ndarray:
    """The grey values of a photo without ink."""
    return grey(pen=replace(PEN, darkness=0.0), **given)


def assert_boxes_are_where_the_ink_is(**given) -> None:
    taken, difference = sheet(**given), ink(**given)
    inked = difference > 0.4 * difference.max()
    for digit in taken.digits:
        left, top, right, bottom = digit.box
        rows, columns = (slice(max(0, round(a) - 3), round(b) + 3) for a, b in ((top, bottom), (left, right)))
        inside = inked[rows, columns]
        y, x = np.flatnonzero(inside.any(axis=1)) + rows.start, np.flatnonzero(inside.any(axis=0)) + columns.start
        np.testing.assert_allclose([x[0], y[0], x[-1] + 1, y[-1] + 1], digit.box, atol=2.0)
        inked[rows, columns] = False
    assert not inked.any()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    given = {
        "paper": replace(PAPER, grain=0.02, show_through=0.05),
        "camera": Camera(megapixels=0.1, table="wood", shadow=0.3),
    }
    files = []
    for name, seed in (("a.jpg", 5), ("b.jpg", 5), ("c.jpg", 6)):
        save_photo(sheet(**given, seed=seed), tmp_path / name)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_digits_are_listed_in_reading_order():
    digits = sheet(rows=("01", "234")).digits
    assert [(digit.row, digit.column, digit.label) for digit in digits] == [
        (0, 0, "0"),
        (0, 1, "1"),
        (1, 0, "2"),
        (1, 1, "3"),
        (1, 2, "4"),
    ]
    assert digits[0].centre[0] < digits[1].centre[0]
    assert digits[0].centre[1] < digits[2].centre[1]


def test_a_writers_glyphs_are_used_in_order_and_again_when_they_run_out():
    two = {"1": GLYPHS["1"][:2]}
    first, second, third = (digit.box for digit in simulate_sheet(two, ["111"], PAPER, PEN, CAMERA, LAYOUT).digits)
    assert third[2] - third[0] == pytest.approx(first[2] - first[0], abs=0.5)
    assert abs((second[2] - second[0]) - (first[2] - first[0])) > 1.5


@pytest.mark.parametrize(
    "camera",
    [
        CAMERA,
        replace(CAMERA, turn=15.0, tilt=20.0, tilt_from=60.0),
        replace(CAMERA, table="wood", turn=-10.0, tilt=10.0),
        *(replace(CAMERA, turn=5.0, orientation=orientation) for orientation in range(1, 9)),
        *(replace(CAMERA, turn=5.0, quarter_turns=turns) for turns in (1, 2, 3)),
        replace(CAMERA, orientation=6, quarter_turns=1),
    ],
    ids=lambda camera: f"{camera.turn}-{camera.table}-{camera.orientation}-{camera.quarter_turns}",
)
def test_boxes_are_where_the_ink_is(camera):
    assert_boxes_are_where_the_ink_is(camera=camera, layout=Layout(height=11.0, slope=2.0, bend=2.0))


@pytest.mark.parametrize(
    ("paper", "pen"),
    [
        *((Paper(), pen) for pen in (BALLPOINT, FINELINER, PENCIL, MARKER)),
        (WHITEBOARD, WHITEBOARD_MARKER),
        (CHALKBOARD, CHALK),
    ],
)
def test_every_pen_stands_out_from_its_ground(paper, pen):
    given = {"paper": paper, "layout": replace(LAYOUT, height=15 * pen.width)}
    taken = sheet(**given, pen=pen)
    difference, ground = ink(**given, pen=pen), np.median(upright(taken))
    for digit in taken.digits:
        left, top, right, bottom = (round(value) for value in digit.box)
        inside = difference[top:bottom, left:right]
        contrast = np.median(inside[inside > 0.5 * inside.max()]) / max(ground, inside.max())
        assert 0.15 < contrast < 0.35 if pen is PENCIL else contrast > 0.45


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_stored_pixels_upright(orientation, tmp_path):
    reference = sheet(camera=replace(CAMERA, turn=4.0))
    taken = sheet(camera=replace(CAMERA, turn=4.0, orientation=orientation))
    np.testing.assert_array_equal(upright(taken), reference.photo)
    assert taken.digits == reference.digits
    save_photo(taken, tmp_path / "photo.jpg")
    with Image.open(tmp_path / "photo.jpg") as image:
        assert image.getexif()[ExifTags.Base.Orientation] == orientation
        assert image.size == taken.photo.shape[1::-1]
    difference = read_grey(tmp_path / "photo.jpg") - np.asarray(Image.fromarray(reference.photo).convert("L")).astype(
        int
    )
    assert np.abs(difference).mean() < 3


def test_a_photo_on_its_side_has_no_tag(tmp_path):
    taken = sheet(camera=replace(CAMERA, quarter_turns=1))
    np.testing.assert_array_equal(taken.photo, np.rot90(sheet().photo))
    save_photo(taken, tmp_path / "photo.jpg")
    with Image.open(tmp_path / "photo.jpg") as image:
        assert ExifTags.Base.Orientation not in image.getexif()


# The camera


def test_megapixels_and_the_sheets_format_give_the_size():
    on_table = replace(CAMERA, table="dark")
    assert sheet(camera=replace(on_table, megapixels=0.3)).photo.shape == (474, 632, 3)
    assert sheet(paper=replace(PAPER, size=(75.0, 100.0)), camera=on_table).photo.shape == (
        400,
        300,
        3,
    )


def rows_fall(taken: SimulatedSheet) -> float:
    """By how many degrees the last row falls to the right."""
    centres = np.array([digit.centre for digit in taken.digits if digit.row == 2])
    return float(np.degrees(np.arctan(np.polyfit(centres[:, 0], centres[:, 1], 1)[0])))


@pytest.mark.parametrize("turn", [-15.0, 8.0])
def test_turn_turns_clockwise(turn):
    assert rows_fall(sheet(camera=replace(CAMERA, turn=turn))) - rows_fall(sheet()) == pytest.approx(turn, abs=1)


def test_seen_from_below_the_lower_rows_are_larger():
    def growth(camera):
        digits = simulate_sheet({"0": GLYPHS["0"][:1]}, ["00", "00", "00"], PAPER, PEN, camera, LAYOUT).digits
        heights = [digit.box[3] - digit.box[1] for digit in digits]
        return heights[-1] / heights[0]

    assert growth(CAMERA) == pytest.approx(1, abs=0.03)
    assert growth(replace(CAMERA, tilt=25.0)) > 1.15
    assert growth(replace(CAMERA, tilt=25.0, tilt_from=270.0)) < 0.87


@pytest.mark.parametrize(("table", "red_to_blue"), [("dark", 1.1), ("wood", 2.2), ("light", 1.04)])
def test_tables_lie_around_the_sheet(table, red_to_blue):
    photo = upright(sheet(camera=replace(CAMERA, table=table, margin=0.15)))
    border = photo[:20].reshape(-1, 3).mean(axis=0)
    assert border.max() < 0.97 * PAPER.colour[0]
    assert border[0] / border[2] == pytest.approx(red_to_blue, rel=0.1)
    np.testing.assert_allclose(upright(sheet())[:5], np.broadcast_to(PAPER.colour, (5, 300, 3)), atol=1)


def test_margin_is_left_around_the_sheet():
    paper_share = [(blank(camera=replace(CAMERA, table="dark", margin=margin)) > 150).mean() for margin in (0.0, 0.25)]
    assert paper_share[1] / paper_share[0] == pytest.approx(0.25, abs=0.03)


def test_exposure_darkens_evenly():
    np.testing.assert_allclose(blank(camera=replace(CAMERA, exposure=0.5)) / blank(), 0.5, atol=0.01)


def test_warmth_takes_blue_and_cold_takes_red():
    warm, cold = (upright(sheet(camera=replace(CAMERA, warmth=warmth))).mean(axis=(0, 1)) for warmth in (0.8, -0.8))
    plain = upright(sheet()).mean(axis=(0, 1))
    assert warm[2] / plain[2] < 0.75 < warm[0] / plain[0]
    assert cold[0] / plain[0] < 0.85 < cold[2] / plain[2]


def test_the_light_falls_off_from_one_side_to_the_other():
    ratio = blank(camera=replace(CAMERA, gradient=0.4)) / blank()
    assert ratio.min() == pytest.approx(0.6, abs=0.02)
    assert ratio.max() == pytest.approx(1, abs=0.02)
    assert ratio[200, 150] == pytest.approx(0.8, abs=0.02)


def test_vignetting_takes_light_from_the_corners():
    ratio = blank(camera=replace(CAMERA, vignetting=0.4)) / blank()
    for corner in (ratio[0, 0], ratio[0, -1], ratio[-1, 0], ratio[-1, -1]):
        assert corner == pytest.approx(0.6, abs=0.02)
    assert ratio[200, 150] == pytest.approx(1, abs=0.01)


def test_a_shadow_lies_over_a_part_with_a_hard_or_soft_edge():
    hard, soft = (blank(camera=replace(CAMERA, shadow=0.5, shadow_edge=edge)) / blank() for edge in (0.003, 0.1))
    assert hard.min() == pytest.approx(0.5, abs=0.02)
    assert 0.05 < (hard < 0.75).mean() < 0.7
    assert np.abs(np.diff(hard, axis=1)).max() > 0.15
    assert np.abs(np.diff(soft, axis=1)).max() < 0.05


def test_blur_softens_edges_and_noise_roughens_paper():
    steepest = [np.abs(np.diff(grey(camera=replace(CAMERA, blur=blur)), axis=1)).max() for blur in (0.0, 1.0, 2.5)]
    assert steepest[0] > 1.3 * steepest[1] > 1.5 * steepest[2]
    assert blank().std() < 0.5
    assert blank(camera=replace(CAMERA, noise=6.0)).std() == pytest.approx(6, rel=0.2)


def test_a_lower_jpeg_quality_gives_a_smaller_file(tmp_path):
    sizes = []
    for quality in (95, 50):
        save_photo(sheet(camera=replace(CAMERA, noise=2.0, jpeg_quality=quality)), tmp_path / f"{quality}.jpg")
        sizes.append((tmp_path / f"{quality}.jpg").stat().st_size)
    assert sizes[1] < 0.6 * sizes[0]


# Paper


def test_ruled_paper_has_lines_across_and_squared_paper_both_ways():
    def lined(kind):
        marked = blank(paper=replace(PAPER, kind=kind, line_width=0.5)) < 220
        return marked.mean(axis=1).max() > 0.9, marked.mean(axis=0).max() > 0.9

    assert lined("plain") == (False, False)
    assert lined("ruled") == (True, False)
    assert lined("squared") == (True, True)


def test_digits_stand_on_the_lines_unless_told_otherwise():
    paper = replace(PAPER, kind="ruled", line_spacing=8.0)

    def farthest(**given):
        values = blank(paper=paper, **given).mean(axis=1)
        lines = np.flatnonzero(values < values.max() - 10)
        return max(np.abs(lines + 0.5 - digit.box[3]).min() for digit in sheet(paper=paper, **given).digits)

    assert farthest() < 3
    assert farthest(layout=replace(LAYOUT, on_lines=False)) > 6


def test_ink_covers_the_lines():
    squared = replace(PAPER, kind="squared", line_spacing=5.0, line_width=1.0)
    assert_boxes_are_where_the_ink_is(paper=squared)
    black = replace(PEN, darkness=1.0, width=1.5)
    difference = ink(pen=black)
    full = difference == difference.max()
    assert (blank(paper=squared)[full] < blank()[full] - 30).any()
    np.testing.assert_allclose(grey(pen=black, paper=squared)[full], grey(pen=black)[full], atol=2)


def test_the_back_shows_through_palely():
    darkening = 1 - blank(paper=replace(PAPER, show_through=0.1)) / blank()
    assert darkening.max() == pytest.approx(0.08, abs=0.03)
    assert 0.03 < (darkening > 0.02).mean() < 0.6


def test_grain_roughens_the_paper_alone():
    assert blank(paper=replace(PAPER, grain=0.03)).std() == pytest.approx(0.03 * 235, rel=0.5)


# Pen and hand


def test_darkness_colour_and_width_of_the_pen():
    pale = ink(pen=replace(PEN, darkness=0.3))
    assert pale.max() / ink().max() == pytest.approx(1 / 3, abs=0.02)
    red = upright(sheet(pen=replace(PEN, darkness=1.0, colour=(200, 20, 20), width=1.5)))
    assert red.reshape(-1, 3)[red[..., 1].argmin()] == pytest.approx([200, 20, 20], abs=3)
    thin, thick = ((ink(pen=replace(PEN, width=width)) > 60).mean() for width in (0.8, 1.6))
    assert 1.5 < thick / thin < 2.5


def test_pressure_and_grain_make_ink_uneven():
    even, pressed, grainy = (
        difference[difference > 60]
        for difference in (
            ink(pen=replace(PEN, width=1.5, **given)) for given in ({}, {"pressure": 0.5}, {"grain": 0.5})
        )
    )
    assert np.median(pressed) < 0.9 * np.median(even)
    assert np.median(grainy) < 0.9 * np.median(even)


def test_height_and_its_spread():
    def heights(**given):
        taken = simulate_sheet({"0": GLYPHS["0"][:1]}, ["00000"], PAPER, PEN, CAMERA, Layout(**given))
        return [digit.box[3] - digit.box[1] for digit in taken.digits]

    even = {"height": 10.0, "lean": 0.0, "jitter": 0.0}
    assert np.std(heights(**even, height_spread=0.0)) < 1
    assert np.std(heights(**even, height_spread=0.2)) > 3
    wide = replace(CAMERA, table="dark")  # the frame is the sheet's, not the writing's
    small, large = (sheet(camera=wide, layout=replace(LAYOUT, height=height)).digits[0].box for height in (6.0, 12.0))
    assert (large[3] - large[1]) / (small[3] - small[1]) == pytest.approx(2, abs=0.15)


def test_slope_and_bend_of_the_rows():
    assert rows_fall(sheet(layout=replace(LAYOUT, slope=4.0))) - rows_fall(sheet()) == pytest.approx(4, abs=1.5)
    bases = [[digit.box[3] for digit in sheet(layout=replace(LAYOUT, bend=bend)).digits[:4]] for bend in (0.0, 4.0)]
    ends, middle = ((bases[1][i] + bases[1][3 - i]) - (bases[0][i] + bases[0][3 - i]) for i in (0, 1))
    assert middle - ends > 10


def test_jitter_and_lean_move_the_digits():
    wide = replace(CAMERA, table="dark")  # the frame is the sheet's, not the writing's
    still, moved = (
        np.array([digit.centre for digit in sheet(camera=wide, layout=replace(LAYOUT, jitter=jitter)).digits])
        for jitter in (0.0, 0.1)
    )
    assert ((moved - still).std(axis=0) > 2).all()
    ones = {"1": GLYPHS["1"][:1]}
    leant = simulate_sheet(ones, ["1111"], PAPER, PEN, CAMERA, replace(LAYOUT, lean=15.0)).digits
    assert np.std([digit.box[2] - digit.box[0] for digit in leant]) > 2


# What is refused


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": ()}, "Nothing is to be written"),
        ({"rows": ("12a",)}, "no glyph for a"),
        ({"paper": replace(PAPER, kind="dotted")}, "Unknown paper 'dotted'. Choose one of plain, ruled, squared"),
        ({"camera": replace(CAMERA, table="glass")}, "Unknown table 'glass'"),
        ({"camera": replace(CAMERA, orientation=0)}, "Unknown EXIF orientation 0"),
        ({"camera": replace(CAMERA, megapixels=100)}, "The megapixels is 100. Expected 0.01 to 60"),
        ({"camera": replace(CAMERA, tilt=60)}, "tilt is 60"),
        ({"pen": replace(PEN, width=5.0)}, "pen width in mm is 5. Expected 0.01 to 3"),
        ({"layout": replace(LAYOUT, height=19)}, "Write smaller"),
        ({"layout": replace(LAYOUT, slope=20)}, "straighter"),
    ],
)
def test_what_makes_no_sense_is_refused(given, message):
    with pytest.raises(ToolkitError, match=re.escape(message)):
        sheet(**given)


def test_a_digit_without_a_glyph_is_refused():
    with pytest.raises(ToolkitError, match=r"no glyph for 1"):
        simulate_sheet({"0": GLYPHS["0"], "1": []}, ["01"])
    with pytest.raises(ToolkitError, match="A glyph is empty"):
        simulate_sheet({"0": [np.zeros((160, 160), np.uint8)]}, ["0"])


# Drawn conditions


def test_drawn_conditions_are_plausible_and_cover_everything():
    drawn = [conditions(seed) for seed in range(300)]
    assert drawn == [conditions(seed) for seed in range(300)]
    papers, _, cameras, _ = zip(*drawn, strict=True)
    assert {paper.kind for paper in papers} == {"plain", "ruled", "squared"}
    assert {paper.size for paper in papers} == {(210.0, 297.0), (297.0, 210.0), WHITEBOARD.size, CHALKBOARD.size}
    assert {camera.table for camera in cameras} == {"dark", "wood", "light", None}
    assert {1, 3, 6, 8, None} <= {camera.orientation for camera in cameras}
    assert {camera.quarter_turns for camera in cameras} == {0, 1, 2, 3}
    assert max(abs(camera.turn) for camera in cameras) <= 15
    assert min(camera.megapixels for camera in cameras) < 1 < 12 < max(camera.megapixels for camera in cameras)
    for paper, pen, camera, layout in drawn:
        assert camera.orientation is None or camera.quarter_turns == 0
        scale = 0.8 * np.sqrt(camera.megapixels * 1e6 / (paper.size[0] * paper.size[1]))
        assert layout.height * scale > 21
        assert pen.width * scale > 0.85
        assert camera.blur < 0.5 * pen.width * scale


@pytest.mark.parametrize("seed", [4, 19, 55])
def test_drawn_photos_can_be_taken(seed):
    paper, pen, camera, layout = conditions(seed, ROWS)
    camera = replace(camera, megapixels=0.2)
    taken = simulate_sheet(GLYPHS, ROWS, paper, pen, camera, layout, seed)
    height, width = upright(taken).shape[:2]
    assert len(taken.digits) == 12
    for digit in taken.digits:
        left, top, right, bottom = digit.box
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
