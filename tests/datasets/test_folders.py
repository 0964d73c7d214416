"""Which images with labels are measured: by name, by part, by modality."""

import json

import pytest

from napari_hqsam.datasets.folders import find_folders, find_pairs, modality_of
from napari_hqsam.errors import ImageError

TEXT = "fluorescence nuclei (several), H&E-type (one, two) tissue (hist_*), grey (br*)"


def fill(root, names, suffix=".png"):
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
        for name in names:
            (root / kind / f"{name}{suffix}").write_text("")
    return root


def names_of(folder):
    return [pair.image.name for pair in folder.pairs]


def test_a_plain_folder_is_one_data_set(tmp_path):
    fill(tmp_path / "cells", "ba", ".ome.tif")
    (tmp_path / "cells" / "images" / "lonely.tif").write_text("")
    (found,) = find_folders([tmp_path / "cells"])
    assert (found.name, found.trained) == ("cells", False)
    assert names_of(found) == ["a.ome.tif", "b.ome.tif"]


def test_the_part_asked_for_of_every_data_set_that_has_it(tmp_path):
    fill(tmp_path / "both" / "train", "tu")
    fill(tmp_path / "both" / "test", "v")
    fill(tmp_path / "new" / "test", "w")
    fill(tmp_path / "only" / "train", "x")
    (tmp_path / "README").write_text("no data set")
    tests = find_folders([tmp_path])
    assert [(f.name, names_of(f), f.trained) for f in tests] == [
        ("both", ["v.png"], True),
        ("new", ["w.png"], False),
    ]
    assert [names_of(f) for f in find_folders([tmp_path], "train")] == [
        ["t.png", "u.png"],
        ["x.png"],
    ]
    assert find_folders([tmp_path / "both"])[0] == tests[0]
    with pytest.raises(ImageError, match="no test images"):
        find_folders([tmp_path / "only"])  # training images are never taken instead


def test_validation_is_what_training_keeps_aside(tmp_path):
    names = [f"im{i}" for i in range(16)]
    fill(tmp_path / "cells" / "train", names)
    (kept,) = find_folders([tmp_path], "validation")
    from napari_hqsam.datasets.splits import validation_stems

    assert {n.removesuffix(".png") for n in names_of(kept)} == validation_stems(
        "cells", names
    )
    assert 0 < len(kept.pairs) < 8


@pytest.mark.parametrize(
    ("stem", "modality"),
    [
        ("hist_1", "H&E-type tissue"),
        ("bright", "grey"),
        ("a_hist_1", "fluorescence nuclei"),
    ],
)
def test_a_pattern_in_brackets_says_for_which_images_a_modality_holds(stem, modality):
    assert modality_of(TEXT, stem) == modality
    assert modality_of("", stem) == ""
    assert modality_of("bright field (5), wide (thin, long) worms", stem) == (
        "bright field, wide worms"
    )


def test_modalities_are_read_from_the_description(tmp_path):
    fill(tmp_path / "set" / "test", ["hist_1", "other"])
    (tmp_path / "set" / "META.json").write_text(json.dumps({"modality": TEXT}))
    (found,) = find_folders([tmp_path / "set"])
    assert [pair.modality for pair in found.pairs] == [
        "H&E-type tissue",
        "fluorescence nuclei",
    ]
    for damaged in ("{", "[1]"):
        (tmp_path / "set" / "META.json").write_text(damaged)
        with pytest.raises(ImageError, match=r"META\.json"):
            find_folders([tmp_path / "set"])


def test_dots_in_names_do_not_mix_up_pairs(tmp_path):
    fill(tmp_path, ["x_0.5um_1", "x_0.5um_2"])
    (tmp_path / "labels" / ".hidden.png").write_text("")
    pairs = find_pairs(tmp_path)
    assert [pair.image.name for pair in pairs] == ["x_0.5um_1.png", "x_0.5um_2.png"]
    assert all(pair.image.name == pair.labels.name for pair in pairs)
    (tmp_path / "labels" / "x_0.5um_1.tif").write_text("")
    with pytest.raises(ImageError, match="both called"):
        find_pairs(tmp_path)


def test_what_cannot_be_told_apart_or_is_not_there_is_refused(tmp_path):
    for parent in "ab":
        fill(tmp_path / parent / "cells", "x")
    with pytest.raises(ImageError, match="two data sets are called cells"):
        find_folders([tmp_path / "a" / "cells", tmp_path / "b" / "cells"])
    for empty in (tmp_path, tmp_path / "none", tmp_path / "a" / "cells" / "images"):
        with pytest.raises(ImageError, match="no test images with labels"):
            find_folders([empty])
    with pytest.raises(ImageError, match="use one of test, train, validation"):
        find_folders([tmp_path], "all")
