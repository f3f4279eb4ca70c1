import json

import pytest

from recipes import find_lr, finetune_two_layers
from toolkit.errors import ToolkitError
from toolkit.paths import runs_folder


def test_it_draws_the_curve_of_any_model(digits, small_model, capsys):
    found = find_lr.run(model=str(small_model), layers=1, digits=digits)
    (folder,) = (runs_folder() / "find_lr").iterdir()
    assert (folder / "lr_find.png").exists()
    assert json.loads((folder / "lr_find.json").read_text())["suggestions"] == found.suggestions
    assert "valley" in capsys.readouterr().out


def test_a_new_network_will_do(digits):
    assert find_lr.run(model="mlp", digits=digits, iterations=50).suggestion[1] > 0


def test_a_new_network_knows_as_many_classes_as_there_are(digits):
    for one in sorted(digits.glob("*/*/*_01.jpg"))[::2]:  # five digits become classes beside the others
        place = one.parent.with_name(f"{one.parent.name} small")
        place.mkdir()
        one.rename(place / one.name)
    assert find_lr.run(model="mlp", digits=digits, iterations=20).losses


@pytest.mark.usefixtures("brief")
def test_the_curve_is_the_one_that_fine_tuning_follows_whatever_the_classes(letters, small_model):
    found = find_lr.run(model=str(small_model), layers=2, iterations=20, digits=letters)
    finetune_two_layers.run(model=str(small_model), digits=letters, epochs=1)
    (folder,) = (runs_folder() / "finetune_two_layers").iterdir()
    assert json.loads((folder / "lr_find.json").read_text())["losses"] == found.losses


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"data": "mnist"}, "is not for --data mnist"),
        ({"data": "letters"}, "Choose digits or mnist"),
        ({"iterations": 3}, "20 or more"),
        ({"lowest": 2.0}, "below"),
    ],
)
def test_what_gives_no_curve_is_refused(digits, options, complaint):
    with pytest.raises(ToolkitError, match=complaint):
        find_lr.run(**{"model": "mlp", "digits": digits, "highest": 1.0, **options})
