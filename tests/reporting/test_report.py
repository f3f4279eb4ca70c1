"""A claim appears where the runs' numbers support it, and goes with them."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from toolkit.classes import DIGITS
from toolkit.errors import ToolkitError
from toolkit.evaluation.explaining import Explanation
from toolkit.evaluation.mistakes import Mistakes
from toolkit.evaluation.records import Pair
from toolkit.evaluation.statistics import PairedTest
from toolkit.models.bundle import ModelCard
from toolkit.reporting.report import Cut, Evidence, FineTuned, Picture, _blocks, _clean, tell, typeset
from toolkit.training.history import Epoch

EMPTY = {"authors": [], "ids": [], "sections": []}


def score(right: int, n: int = 20) -> dict:
    return {"accuracy": right / n, "correct": right, "n": n, "interval_95": (right / n - 0.1, 0.99), "loss": 0.1}


def trial(new="usual", loss=0.2, diverged="", n=200, spread=0.05, **values) -> dict:
    usual = {"lr": 0.02, "epochs": 20}
    ends = {"loss": loss, "loss_95_from": loss - spread, "loss_95_to": loss + spread, "accuracy": 0.95}
    found = dict.fromkeys(ends) if diverged else ends
    return {"new": new, "layers": 1, **usual, **values, **found, "n": n, "diverged": diverged}


def search(*trials, **options) -> dict:
    chosen = {"lr": 0.02, "epochs": 20, **options}
    return {"layers": 1, "options": chosen, "loss": 0.2, "accuracy": 0.95, "trials": [trial(), *trials]}


ALL_LAYERS = {**search(), "layers": None, "trials": [{**trial(), "layers": "all"}]}


def tuned(name: str, *losses: tuple[float, float], **options) -> FineTuned:
    """With these training and validation losses."""
    history = [Epoch(n, 0.1, a, 0.9, b, 0.9, 1.0) for n, (a, b) in enumerate(losses or [(0.5, 0.4), (0.3, 0.2)], 1)]
    record = {"options": {"lr": 0.02, "epochs": 20, **options}, "best_epoch": 2, "learning": ["fc"]}
    return FineTuned(name, record, history)


def way(loss, curve_spread=0.02, spread=0.01, moved=(0.0, 0.0, 0.5), cka=(1.0, 1.0, 0.8)) -> dict:
    names = "stem", "body", "head"
    features, weights = (dict(zip(names, found, strict=True)) for found in (cka, moved))
    accuracies = {"mean": 0.95, "spread": spread, "worst": 0.9}
    return {**accuracies, "loss": loss, "curve_spread": curve_spread, "moved": weights, "cka": features}


def pair(second: str, only_first=0, only_second=0, p=1.0) -> Pair:
    test = PairedTest(only_first, only_second, 20, p)
    return Pair("last layer", second, (only_second - only_first) / 20, (-0.1, 0.1), test, 120)


WAYS = {
    "no fine-tuning": {**way(0.7), "curve_spread": None},
    "last layer": way(0.3, moved=(0.0, 0.0, 1.2)),
    "all layers": way(0.1, 0.01, 0.0, moved=(0.1, 0.1, 0.2), cka=(0.99, 0.7, 0.6)),
}


def compared(**changed) -> dict:
    return {"n": 20, "seeds": 3, "ways": {**WAYS, **changed}}


def on_test_set(*pairs) -> dict:
    return {"n": 20, "ways": {name: {"mean": 0.9, "spread": 0.02, "worst": 0.85} for name in WAYS}, "pairs": pairs}


def misread(true: str, read: str, top_share: float) -> Explanation:
    """One in which so much of what speaks for the class read lies in the upper half."""
    attribution = np.zeros((28, 28), np.float32)
    attribution[3, 3:25], attribution[23, 3:25] = top_share, 1 - top_share
    attribution[10] = -5
    places = DIGITS.index(read), DIGITS.index(true)
    return Explanation(np.zeros((28, 28)), DIGITS, np.zeros(10), *places, attribution, None, np.zeros(0), np.zeros(0))


def mistakes(*pairs, sure=(0.9, 0.6), top_share=0.8) -> Mistakes:
    return Mistakes(100, pairs, [misread(true, read, top_share) for true, read, *_ in pairs], sure)


EVIDENCE = Evidence(
    card=ModelCard("mnist_cnn", "cnn", {}, list(DIGITS), {}, "pretrain_mnist", {"epochs": 8}, {}),
    parameters=1000,
    classes=DIGITS,
    mnist={"mnist_mlp": 0.99, "mnist_cnn": 0.995},
    before=score(16),
    mistakes=mistakes(("1", "4", 7, 10), ("2", "8", 1, 10)),
    cut=None,
    last=tuned("the last layer fine-tuned"),
    more=tuned("all layers fine-tuned"),
    scores={"pretrained_mnist": score(9950, 10_000), "last_layer_own": score(18), "n_layers_own": score(19)},
    compared=compared(),
    tested=on_test_set(pair("all layers")),
    tuning={"last layer": search(), "more layers": ALL_LAYERS},
    openings=1,
    sizes=[(8, 8, 80), (2, 2, 20), (2, 2, 20)],
)


def said(**changed) -> str:
    """The report's paragraphs, and its tables' rows."""
    sections = tell(replace(EVIDENCE, **changed))
    parts = [part for section in sections for part in section["content"]]
    return "\n".join(part if isinstance(part, str) else "\n".join(" | ".join(row) for row in part) for part in parts)


def test_no_sentence_is_left_unfinished():
    for paragraph in (part for section in tell(EVIDENCE) for part in section["content"] if isinstance(part, str)):
        assert paragraph.endswith(".")
        assert not {"  ", "None", "nan", "{", "}"} & {
            paragraph[i : i + n] for n in (1, 2, 3, 4) for i in range(len(paragraph))
        }


def test_why_the_model_was_chosen():
    assert "The other published models read fewer of them (mnist_mlp 99.00 %), so we chose this one." in said()
    assert "It is not the published model that reads most" in said(mnist={"mnist_mlp": 0.999, "mnist_cnn": 0.995})
    assert "It is the only published model." in said(mnist={"mnist_cnn": 0.995})


def test_a_mistake_made_often_is_a_form_of_this_hand_and_a_rare_one_is_not():
    often, rare = said(), said(mistakes=mistakes(("1", "4", 2, 10), ("2", "8", 1, 10)))
    assert "it misreads 8 (Figure @mistakes). It reads 7 of the 10 images of 1 as 4. A mistake made so often" in often
    assert "it misreads 3 (Figure @mistakes). No class is read as the same other one three times" in rare
    assert "our hand writes the class in another form" not in rare
    assert "all of them new to it, it misreads none." in said(mistakes=mistakes(sure=(0.9, 0.0)))


def test_where_the_ink_lies_that_misleads_is_said_where_most_of_it_lies_together():
    assert "Of what speaks for 4 and against 1, 80 % lies in the upper half" in said()
    lower = said(mistakes=mistakes(("1", "4", 7, 10), top_share=0.1))
    assert "Of what speaks for 4 and against 1, 90 % lies in the lower half" in lower
    assert "lies in the" not in said(mistakes=mistakes(("1", "4", 7, 10), top_share=0.5))


def test_of_a_class_misread_throughout_all_images_are_said_to_be():
    assert "It reads all 10 images of 1 as 4." in said(mistakes=mistakes(("1", "4", 10, 10)))


def test_whether_it_is_less_sure_where_it_is_wrong():
    assert "Where it is wrong it is less sure: 60 % on average, against 90 %." in said()
    assert "it is no less sure: 95 %" in said(mistakes=mistakes(("1", "4", 7, 10), sure=(0.9, 0.95)))


def test_a_value_that_replaced_the_usual_one_is_told_from_none():
    changed = search(trial("lr", 0.1, lr=0.06), lr=0.06)
    sentences = said(tuning={"last layer": {**changed, "loss": 0.1}, "more layers": ALL_LAYERS})
    assert (
        "For the last layer, changing learning rate from 0.02 to 0.06 lowered the held-out loss from 0.200 to 0.100"
        in sentences
    )
    assert "For all layers, no value was clearly better than the usual one" in sentences
    assert "learning rate | 0.02, 0.06 | 0.02 | 0.02 | 0.02" in sentences
    assert "What we submitted departs from the search in learning rate." in sentences
    assert "departs from the search in the number of layers." in said(more=tuned("the last two layers fine-tuned"))
    assert "changing" not in said()
    assert "departs" not in said()


def test_what_diverged_was_worst_or_did_nothing():
    tried = search(trial("lr", diverged="nan", lr=9.0), trial("epochs", 0.21, epochs=30))
    sentences = said(tuning={"last layer": tried, "more layers": ALL_LAYERS})
    assert "Training diverged with learning rate 9 (the last layer)." in sentences
    assert "did nothing that so few images can show: epochs (the last layer)." in sentences
    assert "was highest" not in sentences
    sentences = said(tuning={"last layer": search(trial("epochs", 0.9, epochs=2)), "more layers": ALL_LAYERS})
    assert "No training diverged." in sentences
    assert "Held-out loss was highest with epochs 2 (the last layer: 0.900 instead of 0.200)." in sentences
    assert "did nothing" not in sentences


def test_what_was_worse_but_changed_is_not_said_to_have_done_nothing():
    tried = search(trial("epochs", 0.19, epochs=30), epochs=30)
    assert "did nothing" not in said(tuning={"last layer": tried, "more layers": ALL_LAYERS})


@pytest.mark.parametrize(
    ("losses", "overfitted"),
    [([(0.5, 0.2), (0.1, 0.4)], True), ([(0.5, 0.2), (0.6, 0.4)], False), ([(0.5, 0.2), (0.1, 0.201)], False)],
)
def test_overfitting(losses, overfitted):
    sentences = said(more=tuned("all layers fine-tuned", *losses))
    told = (
        "With all layers fine-tuned, the model overfitted after epoch 1: validation loss rose from 0.200 to 0.400 nats"
    )
    assert (told in sentences) == overfitted
    assert ("With all layers fine-tuned, the model did not overfit" in sentences) != overfitted
    assert (
        "With the last layer fine-tuned, the model did not overfit: validation loss was lowest at the end" in sentences
    )


def test_which_way_ends_with_the_lowest_loss():
    assert "The validation loss is lowest with all layers (0.100 nats, against 0.300" in said()
    alone = said(compared=compared(**{"last layer": way(0.05)}))
    assert "The last layer alone ends with the lowest validation loss, 0.050 nats" in alone


def test_what_is_stable():
    assert "The most stable, in accuracy and in its curves, is fine-tuning all layers." in said()
    curves = said(compared=compared(**{"last layer": way(0.3, curve_spread=0.001)}))
    assert "the accuracy varies least when we fine-tune all layers; the curves lie closest together" in curves
    last = said(compared=compared(**{"last layer": way(0.3, curve_spread=0.001, spread=0.0)}))
    assert "The most stable, in accuracy and in its curves, is fine-tuning the last layer." in last


def test_a_difference_on_the_test_set_is_shown_or_not():
    assert (
        "No difference from the last layer alone is shown there (McNemar's exact test, 20 images, lowest p = 1)"
        in said()
    )
    better, worse = (
        said(tested=on_test_set(pair("all layers", 0, 9, 0.004))),
        said(tested=on_test_set(pair("all layers", 9, 0, 0.004))),
    )
    assert "alone is shown (McNemar's exact test, 20 images): all layers +45.0 points (p = 0.004)." in better
    assert "all layers -45.0 points (p = 0.004)" in worse
    assert "No difference" not in better + worse


def test_whether_fine_tuning_reads_more_of_the_test_set_than_the_model_before():
    found = on_test_set(pair("all layers"))
    sentences = said(tested=found)
    assert "no way of fine-tuning reads more than the model did before: 90.0 % at best, against 90.0 %." in sentences
    found["ways"]["all layers"] = {"mean": 0.95, "spread": 0.0, "worst": 0.95}
    sentences = said(tested=found)
    assert "fine-tuning all layers reads most: 95.0 %, against 90.0 % without fine-tuning." in sentences
    del found["ways"]["no fine-tuning"]
    ways = {name: own for name, own in WAYS.items() if name != "no fine-tuning"}
    assert "without fine-tuning" not in said(tested=found, compared={"n": 20, "seeds": 3, "ways": ways})


def test_where_features_change_and_where_they_hardly_do():
    assert "the features change most in body: CKA falls by 0.29 there, to 0.70. Those of stem hardly change" in said()
    other = said(compared=compared(**{"all layers": way(0.1, cka=(0.5, 0.45, 0.4))}))
    assert "the features change most in stem: CKA falls by 0.50 there, to 0.50." in other
    assert "hardly change" not in other
    still = said(compared=compared(**{"all layers": way(0.1, cka=(0.99, 0.98, 0.97))}))
    assert "no features change much: CKA stays above 0.95." in still
    unmeasured = {name: {key: value for key, value in own.items() if key != "cka"} for name, own in WAYS.items()}
    for ways in (unmeasured, {name: {**own, "cka": {}} for name, own in WAYS.items()}):
        assert "Where all layers learn" not in said(compared=compared(**ways))


def test_why_the_last_layer_alone_moves_as_far_as_it_does():
    far = said()
    assert "Alone, the last layer moves by 120.0 %, more than its own length" in far
    assert "Even so, its loss stays above that of all layers (0.300 against 0.100 nats)" in far
    further = said(compared=compared(**{"last layer": way(0.05, moved=(0.0, 0.0, 0.5))}))
    assert "moves by 50.0 %, further than beside the others (20.0 %). It has to" in further
    assert "That is enough: its loss is not above that of all layers (0.050 against 0.100 nats)." in further
    short = said(compared=compared(**{"last layer": way(0.3, moved=(0.0, 0.0, 0.1))}))
    assert "Alone, the last layer moves by 10.0 %, no further than beside the others (20.0 %)." in short
    assert "It has to" not in short


def test_how_the_sheet_was_taken_and_cut():
    row = {"photo": "a.jpg", "turned": "90", "row": "1", "doubts": ""}
    rows = [{**row, "row": str(number % 10), "doubts": "faint" if number < 3 else ""} for number in range(120)]
    options = {"photos": ["a.jpg"], "skip": [], "label": [], "add": [], "seed": 7}
    cut = Cut(options, rows, Image.new("L", (4000, 3000)), None)
    sentences = said(cut=cut)
    assert (
        "We wrote the digits on one sheet of paper and took a photo of it. The photo has 12.0 megapixels." in sentences
    )
    assert "The toolkit found 120 digits in 10 rows" in sentences
    assert "Before, it turned the photo by 90 degrees." in sentences
    assert "We corrected nothing by hand; 3 of the 120 looked doubtful to it." in sentences
    assert "drawn at random (seed 7)" in sentences
    options = {**options, "photos": ["a.jpg", "b.jpg"], "skip": ["1:2"]}
    other = said(cut=Cut(options, [{**row, "turned": "0"}] * 5, None, None))
    assert "on paper and took 2 photos. The toolkit found 5 digits in 1 row, scaled" in other
    assert "We made 1 correction by hand; none of the 5 looked doubtful to it." in other
    assert "megapixels" not in other + said(cut=replace(cut, photo=None)) + said()


@pytest.fixture
def pictures(tmp_path):
    Image.new("L", (400, 300), 200).save(tmp_path / "a.png")
    files = (tmp_path / "a.png",) * 2
    return [Picture(name, "A", files, f"of {name}", beside=name == "a", width=60) for name in "abcdefghi"]


def pages(path) -> list[str]:
    return [" ".join(page.extract_text().replace("-\n", "").split()) for page in PdfReader(path).pages]


def test_figures_are_numbered_where_they_stand(tmp_path, pictures):
    sections = [
        {"name": "B", "title": "B", "content": ["Figure @b, @nobody"]},
        {"name": "A", "title": "A", "content": ["Figure @a"]},
    ]
    first, second = replace(pictures[0], section="A"), replace(pictures[1], section="B")
    typeset(tmp_path / "a.pdf", {**EMPTY, "title": "", "sections": sections}, [first, second])
    (said,) = pages(tmp_path / "a.pdf")
    assert "Figure 1, @nobody" in said
    assert "Figure 1: of b" in said
    assert "Figure 2: of a" in said
    assert said.index("of b") < said.index("of a")


def test_as_many_figures_as_fit_stand_in_the_text_and_the_others_after_it(tmp_path, pictures):
    sections = [
        {"name": "A", "title": "A", "content": ["Much to say. " * 100]},
        {"name": "B", "title": "B", "content": ["The end is here."]},
    ]
    assert typeset(tmp_path / "a.pdf", {**EMPTY, "title": "a", "sections": sections}, pictures) == 2
    said = " ".join(pages(tmp_path / "a.pdf"))
    names = [name or "end" for name in re.findall(r": of (\w)|The end", said)]
    assert [name for name in names if name != "end"] == list("abcdefghi")
    assert 3 < names.index("end") < 9


def test_two_pages_of_text_are_the_limit(tmp_path, pictures):
    long = {"name": "A", "title": "A", "content": ["Much to say. " * 1000]}
    with pytest.raises(ToolkitError, match="3 pages, 2 are allowed"):
        typeset(tmp_path / "b.pdf", {**EMPTY, "title": "a", "sections": [long]}, pictures[:1])
    assert not (tmp_path / "b.pdf").exists()


def test_a_broken_picture_is_one_line_and_leaves_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG and then nothing")
    with pytest.raises(ToolkitError, match="cannot be typeset"):
        typeset(tmp_path / "a.pdf", {**EMPTY, "title": "a"}, [Picture("a", "", (tmp_path / "a.png",), "broken")])
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("text", ["lone \ud800 surrogate", "\0 and \x1b", "e" + "\u0301" * 20_000, "\ufffe"])
def test_any_text_can_be_typeset(text, tmp_path):
    sections = [{"name": "", "title": text, "content": [text, [[text], [text]]], "blocks": _blocks(text)}]
    assert typeset(tmp_path / "a.pdf", {**EMPTY, "title": text, "authors": [text], "sections": sections}, []) == 1


def test_two_accents_are_kept():
    assert _clean(["e\u0301\u0323"]) == ["e\u0301\u0323"]


def test_evidence_that_does_not_fit_together_is_one_line():
    with pytest.raises(ToolkitError, match="do not fit together"):
        said(compared=json.loads("{}"))
