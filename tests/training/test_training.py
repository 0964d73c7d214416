"""Data, sampling, losses and the loop behind the bundled model, on tiny settings."""

import json
import re
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from skimage.io import imsave

from napari_hqsam import load_model
from napari_hqsam.datasets.labelled import Dataset, labelled_image, read_datasets
from napari_hqsam.datasets.splits import validation_stems
from napari_hqsam.network.mask_decoder import Decoded
from napari_hqsam.network.prompt_encoder import (
    BOX_FIRST,
    BOX_SECOND,
    NEGATIVE,
    NOT_A_POINT,
    PAD,
    POSITIVE,
    PromptTokens,
)
from napari_hqsam.training import __main__ as command
from napari_hqsam.training import loop
from napari_hqsam.training import validate as module
from napari_hqsam.training.augment import jitter
from napari_hqsam.training.crops import sample_crop
from napari_hqsam.training.initial import initial_network
from napari_hqsam.training.loop import Recipe, Stage, Trainer, is_hq
from napari_hqsam.training.losses import (
    balanced_bce,
    dice_loss,
    prompt_loss,
    soft_iou,
)
from napari_hqsam.training.sampling import (
    Targets,
    boxes_of,
    corrected,
    first_prompts,
    inner_depth,
    loose_boxes,
    pick_objects,
    random_points,
)
from napari_hqsam.training.validate import validate

OUTPUTS = ("", "_sam", "_hq")
"""What is added to the name of a score: of SAM + HQ, of either alone."""


@pytest.fixture(scope="module")
def item():
    yy, xx = np.mgrid[:160, :200]
    labels = np.zeros((160, 200), np.int32)
    for i, (y, x, r) in enumerate([(40, 50, 20), (110, 140, 30), (100, 40, 12)], 1):
        labels[np.hypot(yy - y, xx - x) < r] = i
    return labelled_image("discs", ((labels > 0) * 255).astype(np.uint8), labels, "cpu")


def masks_of(item, side=64, count=4, seed=0):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    return pick_objects(sample_crop(item, side, rng, (20, 40)).labels, count)


# --- data ------------------------------------------------------------------


def make_folder(root, names=("a", "b")):
    for name in names:
        for part in ("train", "test"):
            for kind in ("images", "labels"):
                (root / name / part / kind).mkdir(parents=True)
        for i in range(5):
            labels = np.zeros((96, 96), np.uint16)
            labels[20:50, 20 + i : 60] = 1
            pixels = (labels * 200).astype(np.uint8)
            imsave(
                root / name / "train/images" / f"{i}.png", pixels, check_contrast=False
            )
            imsave(
                root / name / "train/labels" / f"{i}.png", labels, check_contrast=False
            )
        (root / name / "test/images/0.png").write_text("opening this fails")
        (root / name / "test/labels/0.png").write_text("opening this fails")
    return root


def test_validation_images_come_from_train_and_are_not_trained_on(tmp_path):
    train, validation = read_datasets(make_folder(tmp_path))
    for part in (train, validation):
        assert [d.name for d in part] == ["a", "b"]
    assert [len(d.images) for d in train] == [4, 4]
    assert [len(d.images) for d in validation] == [1, 1]


def test_the_split_is_fixed_and_keeps_slices_of_a_volume_together():
    stems = [f"im{i}" for i in range(20)] + [f"vol_z{z}" for z in range(30)]
    chosen = validation_stems("set", stems)
    assert chosen == validation_stems("set", stems[::-1])
    assert {s in chosen for s in stems if s.startswith("vol")} in ({True}, {False})
    assert not validation_stems("set", ["x", "y"])


def test_a_folder_without_data_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no data set"):
        read_datasets(tmp_path)


def test_image_and_labels_of_a_crop_stay_together(item):
    rng = np.random.default_rng(0)
    for _ in range(30):
        crop = sample_crop(item, 64, rng, (8, 60))
        inside = crop.labels > 0
        assert crop.image.shape == (3, 64, 64)
        # bright where there is a label, but for the half pixel at the rim
        disagree = (crop.image[0] > 0.5) != inside
        assert disagree.float().mean() < 0.05


def test_objects_come_in_all_sizes(item):
    rng = np.random.default_rng(1)
    sizes = []
    for _ in range(60):
        ids, areas = sample_crop(item, 96, rng, (8, 80)).labels.unique(
            return_counts=True
        )
        sizes += areas[ids > 0].tolist()
    assert min(sizes) < 150
    assert max(sizes) > 2500


def test_augmentation_keeps_range_shape_and_place():
    torch.manual_seed(0)
    images = torch.zeros(16, 3, 64, 64)
    images[:, :, 20:40, 20:40] = 0.8
    out = jitter(images)
    assert out.shape == images.shape
    assert out.min() >= 0
    assert out.max() <= 1
    inner = out[:, :, 24:36, 24:36].mean((1, 2, 3))
    outer = out[:, :, 44:, :].mean((1, 2, 3))
    assert ((inner - outer).abs() > 0.05).float().mean() > 0.8


# --- prompts ---------------------------------------------------------------


def test_boxes_are_tight(item):
    masks = torch.zeros(1, 64, 64, dtype=torch.bool)
    masks[0, 10:20, 30:50] = True
    assert boxes_of(masks).tolist() == [[29.5, 9.5, 49.5, 19.5]]
    noise = (loose_boxes(masks.expand(500, -1, -1)) - boxes_of(masks)).abs()
    assert 0 < noise.mean() < 3
    assert noise.max() <= 20


def test_points_lie_inside_and_depth_prefers_the_middle(item):
    masks = masks_of(item)
    for _ in range(20):
        area = Targets.of(masks).quarter[:, 0]
        points, valid = random_points(masks, area, inner_depth(area))
        x, y = points.long().T
        assert masks[torch.arange(len(masks)), y, x].all()
        assert valid.all()
    disc = torch.zeros(1, 64, 64, dtype=torch.bool)
    disc[0, 12:52, 12:52] = True
    area = Targets.of(disc).quarter[:, 0]
    depth = inner_depth(area)
    drawn = torch.cat([random_points(disc, area, depth)[0] for _ in range(200)])
    plain = torch.cat([random_points(disc, area)[0] for _ in range(200)])
    middle = torch.tensor([31.5, 31.5])
    assert (drawn - middle).norm(dim=1).mean() < 0.8 * (plain - middle).norm(
        dim=1
    ).mean()
    nothing = torch.zeros(1, 8, 8, dtype=torch.bool)
    assert not random_points(nothing, torch.zeros(1, 2, 2))[1]


def test_every_pixel_of_a_region_is_as_likely_without_weights():
    region = torch.zeros(1, 16, 16, dtype=torch.bool)
    region[0, 3:6, 2:9] = True  # cells that are covered by different shares
    region[0, 15, 15] = True
    area = Targets.of(region).quarter[:, 0]
    many = region.expand(22_000, -1, -1), area.expand(22_000, -1, -1)
    torch.manual_seed(0)
    x, y = random_points(*many)[0].long().T
    counts = torch.zeros(16, 16).index_put_((y, x), torch.ones(len(x)), accumulate=True)
    assert (counts[~region[0]] == 0).all()
    assert ((counts[region[0]] - 1000).abs() < 150).all()  # 5 sigma


def test_targets_hold_the_covered_share_of_their_cells():
    masks = torch.zeros(1, 8, 8, dtype=torch.bool)
    masks[0, :3, :4] = True
    targets = Targets.of(masks)
    assert targets.half[0, 0, :2, 0].tolist() == [1.0, 0.5]
    assert targets.quarter[0, 0].tolist() == [[0.75, 0.0], [0.0, 0.0]]


def test_first_prompts_are_of_all_kinds_and_well_formed(item):
    torch.manual_seed(0)
    masks = masks_of(item, count=4).repeat(50, 1, 1)
    prompts = first_prompts(Targets.of(masks))
    has = {
        k: (prompts.labels == k).any(1)
        for k in (PAD, NOT_A_POINT, POSITIVE, BOX_FIRST, BOX_SECOND)
    }
    assert (has[BOX_FIRST] == has[BOX_SECOND]).all()
    assert not (has[BOX_FIRST] & has[NOT_A_POINT]).any()
    assert (has[NOT_A_POINT] == (has[POSITIVE] & ~has[BOX_FIRST])).all()
    assert (has[POSITIVE] | has[BOX_FIRST] | prompts.has_mask).all()
    for kind in (has[POSITIVE], has[BOX_FIRST], prompts.has_mask):
        assert 0 < kind.float().mean() < 1


def test_corrections_click_on_the_error_with_the_right_sign(item):
    masks = masks_of(item, count=6)
    prompts = first_prompts(Targets.of(masks))
    nothing = torch.full((6, 1, 16, 16), -5.0)
    everything = -nothing
    for logits, label in ((nothing, POSITIVE), (everything, NEGATIVE)):
        after = corrected(prompts, logits, Targets.of(masks))
        assert (after.labels[:, 0] == label).all()
        x, y = after.coords[:, 0].long().T
        assert (masks[torch.arange(6), y, x] == (label == POSITIVE)).all()
        assert after.has_mask is None
        torch.testing.assert_close(after.mask_logits, logits)
        ends = (after.labels == NOT_A_POINT).sum(1)
        boxed = (after.labels == BOX_FIRST).any(1)
        assert (ends == (~boxed).long()).all()


def test_a_right_answer_needs_no_click():
    masks = torch.zeros(1, 64, 64, dtype=torch.bool)
    masks[0, 16:48, 16:48] = True
    logits = torch.full((1, 1, 64, 64), -9.0)
    logits[0, 0, 16:48, 16:48] = 9.0
    first = PromptTokens(torch.zeros(1, 0, 2), torch.zeros(1, 0, dtype=torch.long))
    assert (corrected(first, logits, Targets.of(masks)).labels == PAD).all()


# --- losses ----------------------------------------------------------------


def test_losses_fall_towards_the_target():
    target = torch.zeros(1, 1, 32, 32)
    target[..., 8:20, 8:20] = 1
    for loss in (dice_loss, balanced_bce):
        values = [loss(s * (2 * target - 1), target).item() for s in (-4, 0.1, 4, 12)]
        assert values == sorted(values, reverse=True)
        assert values[-1] < 0.05
    assert soft_iou(target - 0.5, target).item() == 1


def test_an_empty_answer_is_not_cheap_for_a_small_object():
    """What balanced BCE is for: plain BCE would let 'nothing' win."""
    target = torch.zeros(1, 1, 64, 64)
    target[..., 30:34, 30:34] = 1
    empty = torch.full_like(target, -3.0)
    plain = torch.nn.functional.binary_cross_entropy_with_logits(empty, target)
    assert balanced_bce(empty, target).item() > 4 * plain.item()


def test_balanced_bce_of_undecided_logits_does_not_depend_on_the_size_of_the_object():
    for side in (2, 8):
        target = torch.zeros(1, 1, 10, 10)
        target[..., :side, :side] = 1
        loss = balanced_bce(torch.zeros(1, 1, 10, 10), target)
        assert loss.item() == pytest.approx(np.log(2))


def test_only_the_best_candidate_learns_fully():
    masks = torch.zeros(1, 64, 64, dtype=torch.bool)
    masks[:, 16:48, 16:48] = True
    targets = Targets.of(masks)
    sam = torch.zeros(1, 4, 16, 16)
    sam[:, 2] = 2 * targets.quarter[:, 0] - 1  # the best of the three
    sam.requires_grad_(True)
    hq, iou = torch.zeros(1, 1, 16, 16), torch.zeros(1, 4)
    prompt_loss(sam, hq, iou, targets, 1.0).backward()
    strength = sam.grad.abs().sum((0, 2, 3))
    assert strength[2] > 5 * strength[1]
    assert strength[2] > 5 * strength[3]
    assert strength[0] > 5 * strength[1]


# --- the loop --------------------------------------------------------------

SMALL = Stage(
    4, side=64, images=1, prompts=2, rounds=(0.5, 0.5), sizes=(16, 40), synthetic=0.0
)


def trainer(item, folder, *stages):
    recipe = Recipe(stages or (SMALL,), warmup=2)
    return Trainer(recipe, [Dataset("discs", [item])], folder)


def test_a_resumed_run_equals_an_unbroken_one(item, tmp_path):
    whole = trainer(item, tmp_path / "whole")
    whole.run()
    trainer(item, tmp_path / "broken").run(until=2)
    second = trainer(item, tmp_path / "broken")
    assert second.resume()
    assert second.step == 2
    second.run()
    for key, value in whole.network.state_dict().items():
        torch.testing.assert_close(value, second.network.state_dict()[key])
    for key, value in whole.average.items():
        torch.testing.assert_close(value, second.average[key])


def test_a_stage_goes_on_from_the_mean_with_an_earlier_one(item, tmp_path):
    """A rate of 0: weights change by the mean alone."""
    still = {**SMALL.__dict__, "steps": 1, "lr": (0.0, 0.0), "mean_with": 4}
    stages = SMALL, SMALL, Stage(**still)
    run = trainer(item, tmp_path, *stages)
    run.run(until=4)
    early = {k: v.clone() for k, v in run.average.items()}
    run.run(until=8)
    late = {k: v.clone() for k, v in run.average.items()}
    run = trainer(item, tmp_path, *stages)  # as after a break
    assert run.resume()
    run.run()
    changed = 0
    for name, _ in run.network.named_parameters():
        mean = (early[name] + late[name]) / 2
        torch.testing.assert_close(run.network.state_dict()[name], mean)
        changed += not early[name].equal(late[name])
    assert changed
    (tmp_path / "average-4.pt").unlink()
    run.step = 8
    with pytest.raises(FileNotFoundError, match="weights of step 4"):
        run.run()


def test_the_hq_stage_leaves_sam_alone(item, tmp_path):
    run = trainer(
        item, tmp_path, Stage(**{**SMALL.__dict__, "steps": 1, "hq_only": True})
    )
    before = {k: v.clone() for k, v in run.network.state_dict().items()}
    run.run()
    changed = {k for k, v in run.network.state_dict().items() if not v.equal(before[k])}
    assert changed
    assert all(is_hq(key) for key in changed)


def test_the_time_left_counts_pixels_and_what_is_frozen(item, tmp_path):
    """4 steps of 64 px, 2 of 128 px at four times the cost, 2 frozen at two."""
    small = SMALL.__dict__
    stages = [
        SMALL,
        Stage(**{**small, "steps": 2, "side": 128}),
        Stage(**{**small, "steps": 2, "side": 128, "hq_only": True}),
    ]
    run = trainer(item, tmp_path, *stages)
    run.step = 3
    # 3 steps took 180 s: 60 s a step; left are 1 + 2 * 4 + 2 * 2 of such
    assert run.minutes_left(180, 0, 8) == 13
    assert run.minutes_left(120, 1, 6) == 9
    run.step = 8
    assert run.minutes_left(180, 0, 8) == 0


def test_a_run_says_early_how_long_it_will_take(item, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(loop, "ESTIMATE_AFTER", 2)
    run = trainer(item, tmp_path)
    run.run()
    first, *_ = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"2 steps, about \d+\.\d minutes", first)


def test_validation_is_logged_and_changes_nothing(item, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "VALIDATE_EVERY", 2)
    recipe = Recipe((SMALL,), input_size=64, warmup=2)
    data = [Dataset("discs", [item])]
    plain = Trainer(recipe, data, tmp_path / "plain")
    plain.run()
    run = Trainer(recipe, data, tmp_path / "run", validation=data)
    run.run()
    for key, value in plain.network.state_dict().items():
        assert value.equal(run.network.state_dict()[key])
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    found = [e for e in map(json.loads, lines) if "validation" in e]
    assert [e["step"] for e in found] == [2, 4]
    for scores in found[0]["validation"]["discs"], found[0]["validation"]["mean"]:
        assert set(scores) == {f"{k}{o}" for k in ("box", "click") for o in OUTPUTS}
        assert all(0 <= value <= 1 for value in scores.values())


def test_validation_measures_boundaries_and_more_clicks_on_request(item):
    network = initial_network("vit_tiny", 64).eval()
    data = [Dataset("discs", [item])]
    found = validate(network, data, crops=1, boundary=True)["mean"]
    kinds = ("box", "click", "clicks2", "clicks3")
    measures = ("", "_boundary", "_2px")
    names = [f"{k}{o}{m}" for k in kinds for o in OUTPUTS for m in measures]
    assert set(found) == set(names)
    assert found == validate(network, data, crops=1, boundary=True)["mean"]


def test_validation_of_a_perfect_answer_is_one(item, monkeypatch):
    """Each score is of the mask that its name says."""
    network = initial_network("vit_tiny", 64).eval()
    seen = []

    def remember(labels, count):
        seen[:] = [pick_objects(labels, count)]
        return seen[0]

    def decode(tile, prompts):
        right = 16 * seen[0][:, None].float() - 8
        nothing = torch.full_like(right, -9.0)
        return Decoded(right.expand(-1, 4, -1, -1), nothing, torch.zeros(8, 4))

    monkeypatch.setattr(module, "pick_objects", remember)
    monkeypatch.setattr(network, "decode", decode)
    data = [Dataset("discs", [item])]
    found = validate(network, data, crops=1, clicks=1, boundary=True)["mean"]
    assert found["box_sam"] == found["click_sam_2px"] == 1
    assert found["box"] == found["box_hq"] == found["box_boundary"] == 0


def test_one_command_trains_exports_and_validates(tmp_path, monkeypatch):
    data = make_folder(tmp_path / "data")
    recipe = Recipe((Stage(**{**SMALL.__dict__, "steps": 1}),), input_size=128)
    monkeypatch.setitem(command.RECIPES, "micro", recipe)
    monkeypatch.setattr(sys, "argv", ["training", str(data), str(tmp_path / "run")])
    command.main()
    path = tmp_path / "run" / "micro.safetensors"
    with safe_open(path, "pt") as file:
        assert file.metadata()["input_size"] == "128"
        assert file.get_tensor("mask_decoder.iou_token.weight").dtype == torch.float16
    model = load_model(path, device="cpu", precision="float32")
    assert (model.input_size, model.network.prompt_encoder.render_prompts) == (
        128,
        True,
    )
    scores = json.loads((tmp_path / "run" / "validation.json").read_text())
    assert set(scores) == {"a", "b", "mean"}
