"""``batch``: what is said, and what is left behind; the network is stood in for."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_hqsam import images, read_labels
from napari_hqsam.masks import Mask


class BoxSegmenter:
    """Its masks are the boxes of the prompts; ctrl-C comes at `interrupt`."""

    interrupt = None

    def __init__(self, image, model, *, normalization, cache):
        self.image, self.model, self.cache = image, model, cache
        self.normalization = images.normalization(image, normalization)
        self.source = SimpleNamespace(encoded=0)

    def iter_many(self, prompts, *, plane, **_):
        if tuple(plane.values()) == BoxSegmenter.interrupt:
            raise KeyboardInterrupt
        self.source.encoded += 1
        for number, prompt in enumerate(prompts):
            y0, x0, y1, x1 = (int(v) for v in prompt.box)
            inside = np.ones((y1 - y0, x1 - x0), bool)
            yield number, Mask.from_crop(inside, (y0, x0), 1.0, 1.0)


@pytest.fixture
def command(monkeypatch, run_command):
    """Run the command line in this process: exit code, output, error output."""
    model = SimpleNamespace(
        name="boxes", device="cpu", dtype="float32", input_size=64, digest="0"
    )
    monkeypatch.setattr("napari_hqsam.models.load_model", lambda *_, **__: model)
    monkeypatch.setattr("napari_hqsam.segmentation.Segmenter", BoxSegmenter)
    monkeypatch.setattr(BoxSegmenter, "interrupt", None)

    return run_command


@pytest.fixture
def files(tmp_path):
    """Image of 4 planes, prompts for all, and for each."""
    np.save(tmp_path / "v.npy", np.arange(4 * 20 * 30, dtype="u2").reshape(4, 20, 30))
    (tmp_path / "p.csv").write_text("y0,x0,y1,x1\n1,2,5,6\n8,8,12,14\n")
    (tmp_path / "each.csv").write_text("z,y0,x0,y1,x1\n0,1,2,5,6\n2,8,8,12,14\n")
    return tmp_path


def common(files, *prompts):
    return (
        *("batch", files / "v.npy", *(files / p for p in prompts)),
        *("--axes", "zyx", "-o", files / "a.tif"),
    )


def test_the_same_prompts_on_some_planes(command, files):
    code, said, err = command(*common(files, "p.csv"), "--planes", "1:3")
    assert (code, err) == (0, "")
    assert "2 objects on 2 planes of v.npy" in said
    assert "2 tiles encoded" in said
    labels = read_labels(files / "a.tif")
    assert labels.reshape(4, -1).max(1).tolist() == [0, 2, 2, 0]


def test_each_plane_its_own(command, files):
    code, _, _ = command(*common(files, "each.csv"), "--mode", "each")
    assert code == 0
    labels = read_labels(files / "a.tif")
    assert labels.reshape(4, -1).max(1).tolist() == [1, 0, 2, 0]


def test_ctrl_c_says_how_to_go_on_and_the_next_run_does(command, files):
    BoxSegmenter.interrupt = (2,)
    code, _, err = command(*common(files, "p.csv"))
    assert code == 130
    assert err.count("\n") == 1
    assert "run the same batch again to resume" in err
    assert not (files / "a.tif").exists()
    BoxSegmenter.interrupt = None
    code, said, _ = command(*common(files, "p.csv"))
    assert code == 0
    assert "2 of them from an earlier run" in said
    assert (read_labels(files / "a.tif").reshape(4, -1).max(1) == 2).all()
    assert not (files / "a.tif.batch").exists()


def test_tracks_never_replace_the_prompts(command, files):
    prompts = files / "p.csv"
    before = prompts.read_bytes()
    code, _, err = command(*common(files, "p.csv"), "--tracks", prompts)
    assert (code, err.count("\n")) == (2, 1)
    assert "name another" in err
    assert prompts.read_bytes() == before


@pytest.mark.parametrize(
    ("prompts", "options", "says"),
    [
        ("p.csv", ("--mode", "auto"), "takes none"),
        ("p.csv", ("--mode", "most"), "unknown"),
        ("p.csv", ("--planes", "0:9"), "within 0:4"),
        ("p.csv", ("--planes", "x"), "neither"),
        ("each.csv", (), "names plane"),
        ("p.csv", ("--tracks", "t.txt"), "no .csv"),
        ("p.csv", ("--overlap", "mix"), "overlap 'mix'"),
        ("p.csv", ("--level", "fine"), "--level"),
        ("none.csv", (), "none.csv"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    command, files, prompts, options, says
):
    before = sorted(p.name for p in files.iterdir())
    code, _, err = command(*common(files, prompts), *options)
    assert (code, err.count("\n")) == (2, 1)
    assert says in err
    assert sorted(p.name for p in files.iterdir()) == before


def test_labels_that_are_there_need_overwrite(command, files):
    assert command(*common(files, "p.csv"))[0] == 0
    code, _, err = command(*common(files, "p.csv"))
    assert (code, err.count("\n")) == (2, 1)
    assert "overwrit" in err
    assert command(*common(files, "p.csv"), "--overwrite")[0] == 0
