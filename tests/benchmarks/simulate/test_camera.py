from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image

from benchmarks.simulate import (
    Layout,
    save_photo,
    simulate_sheet,
)
from tests.benchmarks.simulate.plain import (
    CAMERA,
    GLYPHS,
    LAYOUT,
    PAPER,
    PEN,
    assert_boxes_are_where_the_ink_is,
    blank,
    grey,
    rows_fall,
    sheet,
    upright,
)
from toolkit.images.reading import read_grey


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


def test_megapixels_and_the_sheets_format_give_the_size():
    on_table = replace(CAMERA, table="dark")
    assert sheet(camera=replace(on_table, megapixels=0.3)).photo.shape == (474, 632, 3)
    assert sheet(paper=replace(PAPER, size=(75.0, 100.0)), camera=on_table).photo.shape == (
        400,
        300,
        3,
    )


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
