"""Folders are measured as a whole; what is wrong is said before any work."""

import numpy as np
import pytest
import tifffile

from napari_hqsam.errors import HqsamError, ImageError, PromptError
from napari_hqsam.evaluation import evaluate as module
from napari_hqsam.evaluation.evaluate import evaluate


def write(folder, **images):
    """Write (pixels, labels) of each name."""
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for name, (pixels, labels) in images.items():
        tifffile.imwrite(folder / "images" / f"{name}.tif", pixels)
        tifffile.imwrite(folder / "labels" / f"{name}.tif", labels)
    return folder


@pytest.fixture
def no_segmenting(monkeypatch):
    """Fail if anything is segmented."""

    def refuse(*args, **kwargs):
        raise AssertionError("segmented before all was looked at")

    monkeypatch.setattr(module, "Segmenter", refuse)


def test_the_bundled_model_is_measured_beside_the_baselines(tmp_path, discs, micro):
    write(tmp_path / "discs" / "test", a=discs)
    seen = []

    def progress(jobs):
        for data_set, pair in jobs:
            seen.append((data_set.name, pair.image.name))
            yield data_set, pair

    (scores,) = evaluate(
        micro, tmp_path, prompts=["click", "box"], max_objects=2, progress=progress
    )
    assert seen == [("discs", "a.tif")]
    assert (scores.objects, scores.skipped) == (2, 0)
    assert scores.means["box", "sam+hq", "iou"] > 0.8
    assert scores.means["click", "Otsu", "iou"] > 0.9
    assert {prompt for prompt, _, _ in scores.means} == {"box", "click"}


def test_one_tile_is_encoded_once_for_all_prompts(tmp_path, discs, micro, monkeypatch):
    write(tmp_path, a=discs)
    made = []
    original = module.Segmenter

    def keeping(*args, **kwargs):
        made.append(original(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(module, "Segmenter", keeping)
    evaluate(micro, tmp_path, max_objects=2, level="whole", baselines=False)
    (segmenter,) = made
    assert segmenter.source.encoded == 1


def test_images_without_objects_are_kept_but_not_segmented(tmp_path, discs, micro):
    speck = np.zeros_like(discs[1])
    speck[0, :3] = 9
    write(tmp_path, a=(discs[0], speck), b=discs)
    scores = evaluate(micro, tmp_path, prompts="box", level="whole", baselines=False)
    assert [(s.image, s.objects, s.skipped) for s in scores] == [
        ("a.tif", 0, 1),
        ("b.tif", 5, 0),
    ]
    assert not scores[0].means


def test_levels_are_measured_on_request(tmp_path, discs, micro, monkeypatch):
    write(tmp_path, a=discs)
    monkeypatch.setattr(module, "level_scores", lambda *_: {"auto": 0.5, "0": 0.6})
    monkeypatch.setattr(module, "view_scores", lambda *_: {"unknown": 0.5})
    settings = {"prompts": "box", "level": "whole", "baselines": False}
    (scores,) = evaluate(micro, tmp_path, max_objects=1, levels=True, **settings)
    assert scores.levels == {"auto": 0.5, "0": 0.6}
    assert scores.views == {"unknown": 0.5}
    (scores,) = evaluate(micro, tmp_path, max_objects=1, **settings)
    assert not scores.levels
    assert not scores.views


def test_labels_stored_x_first_lie_on_their_image(tmp_path, discs, micro):
    image, labels = (each[:, :200] for each in discs)  # square: both ways fit
    write(tmp_path, a=(image, labels))
    tifffile.imwrite(
        tmp_path / "labels" / "a.tif",
        np.ascontiguousarray(labels.T),
        metadata={"axes": "XY"},
    )
    (scores,) = evaluate(micro, tmp_path, prompts=["box"], max_objects=1)
    assert scores.means["box", "sam+hq", "iou"] > 0.8


@pytest.mark.usefixtures("no_segmenting")
def test_all_is_looked_at_before_any_is_measured(tmp_path, discs):
    write(tmp_path, a=discs)
    write(tmp_path, b=(discs[0], discs[1][:50]))
    with pytest.raises(ImageError, match=r"b\.tif has shape \(50, 300\).*same size"):
        evaluate(None, tmp_path)
    write(tmp_path, b=(np.stack([discs[0]] * 2), discs[1]))
    with pytest.raises(ImageError, match="same size"):
        evaluate(None, tmp_path)
    (tmp_path / "images" / "b.tif").write_text("no picture")
    with pytest.raises(ImageError, match=r"b\.tif"):
        evaluate(None, tmp_path)


@pytest.mark.usefixtures("no_segmenting")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prompts": "scribble"}, "clicks5"),
        ({"level": "best"}, "whole"),
        ({"part": "all"}, "validation"),
        ({"max_objects": 0}, "nothing to measure"),
    ],
)
def test_settings_are_checked_first(tmp_path, discs, settings, words):
    write(tmp_path, a=discs)
    with pytest.raises((ImageError, PromptError), match=words):
        evaluate(None, tmp_path, **settings)


@pytest.mark.usefixtures("no_segmenting")
def test_labels_without_objects_are_refused(tmp_path, discs):
    write(tmp_path, a=(discs[0], np.zeros_like(discs[1])))
    with pytest.raises(HqsamError, match="no object of 10 pixels"):
        evaluate(None, tmp_path)
