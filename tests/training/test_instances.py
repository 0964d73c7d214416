"""Targets and loss of the instance decoder, and crops made of crops."""

import numpy as np
import pytest
import torch

from napari_hqsam.datasets.labelled import labelled_image
from napari_hqsam.masks.instance_maps import instance_targets
from napari_hqsam.network import HQSAM
from napari_hqsam.training.augment import defocus, jpeg, stripes
from napari_hqsam.training.crops import Crop, elastic_displacement, sample_crop
from napari_hqsam.training.initial import with_instance_decoder
from napari_hqsam.training.instances import instance_loss
from napari_hqsam.training.mixing import mosaic, paste


@pytest.fixture
def disc():
    yy, xx = np.mgrid[:41, :41]
    return (np.hypot(yy - 20, xx - 20) <= 12).astype(np.int32)


def test_a_disc_has_its_centre_in_the_middle_and_its_boundary_around(disc):
    foreground, centre, boundary = instance_targets(disc)
    assert (foreground == disc).all()
    assert centre[20, 20] == 0
    assert centre[20, 32] == 1
    assert centre[20, 26] == pytest.approx(0.5)
    assert boundary[20, 20] == 0
    assert boundary[20, 32] == 1
    assert 0.4 < boundary[20, 26] < 0.6
    assert (centre[disc == 0] == 1).all()
    assert (boundary[disc == 0] == 1).all()


def test_touching_objects_have_a_boundary_between_them():
    labels = np.ones((20, 40), np.int32)
    labels[:, 20:] = 2
    _, centre, boundary = instance_targets(labels)
    assert (boundary[:, 19:21] == 1).all()
    # the border of the image is no boundary of an object
    assert boundary[10, 0] == 0
    assert (np.argwhere(centre == 0) == [[10, 10], [10, 30]]).all()


def test_the_centre_of_a_crescent_lies_inside(disc):
    crescent = disc.copy()
    crescent[:, 14:] = 0
    crescent[8:33, 10:] = 0
    crescent[9:32, 9] = 1
    _, centre, _ = instance_targets(crescent)
    assert crescent[centre == 0].all()


def test_parts_of_one_object_have_a_centre_each():
    labels = np.zeros((20, 60), np.int32)
    labels[5:15, 5:15] = labels[5:15, 40:50] = 3
    _, centre, _ = instance_targets(labels)
    assert (centre == 0).sum() == 2


def test_no_object_is_all_background():
    maps = instance_targets(np.zeros((8, 8), np.int32))
    assert (maps[0] == 0).all()
    assert (maps[1:] == 1).all()


def test_the_loss_is_least_for_the_targets_and_ignores_distances_outside(disc):
    big = np.kron(disc, np.ones((4, 4), np.int32))
    crop = Crop(torch.zeros(3, 164, 164), torch.from_numpy(big), full=True, name="a")
    maps = torch.from_numpy(instance_targets(disc))[None]
    right = torch.logit(maps, 1e-6)
    assert instance_loss(right, [crop]) < 1e-3
    outside = right.clone()
    outside[:, 1:][:, :, disc == 0] = 0
    torch.testing.assert_close(
        instance_loss(outside, [crop]), instance_loss(right, [crop])
    )
    for channel in range(3):
        wrong = right.clone()
        wrong[:, channel] *= -1
        assert instance_loss(wrong, [crop]) > 0.3


def test_the_decoder_learns_a_disc_within_a_few_steps(disc):
    torch.manual_seed(0)
    decoder = HQSAM(
        "efficientnet_lite0", 64, instance_decoder="shuffle"
    ).instance_decoder
    big = np.kron(disc[4:36, 4:36], np.ones((4, 4), np.int32))
    crop = Crop(torch.zeros(3, 128, 128), torch.from_numpy(big), full=True, name="a")
    features, early = torch.randn(1, 256, 8, 8), torch.randn(1, 8, 8, 384)
    optimizer = torch.optim.Adam(decoder.parameters(), 3e-3)
    losses = []
    for _ in range(150):
        loss = instance_loss(decoder(features, early), [crop])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_a_network_without_instance_decoder_gets_one_and_keeps_its_weights():
    old = HQSAM("efficientnet_lite0", 64, render_prompts=True)
    new = with_instance_decoder(old)
    for key, value in old.state_dict().items():
        assert new.state_dict()[key].equal(value)
    assert with_instance_decoder(new) is new


# --- crops of crops --------------------------------------------------------


def crop_of(labels, value):
    labels = torch.as_tensor(labels, dtype=torch.int32)
    image = (labels > 0).float() * value
    return Crop(image.expand(3, -1, -1), labels, full=True, name="a")


@pytest.fixture
def two_crops():
    first, second = np.zeros((96, 96), np.int32), np.zeros((96, 96), np.int32)
    first[40:60, 40:60] = 1
    second[44:52, 44:52] = 1
    second[60:70, 20:30] = 2
    return crop_of(first, 0.5), crop_of(second, 1.0)


def test_pasted_objects_have_their_pixels_and_ids_of_their_own(two_crops):
    crop, donor = two_crops
    seen = set()
    for seed in range(20):
        out = paste(crop, donor, np.random.default_rng(seed))
        new = out.labels > 1
        assert (out.image[:, new] == 1).all()
        old = (out.labels == 1) & (out.image[0] == 0.5)
        assert old.sum() > 0.3 * 400
        seen.add(int(new.sum()))
    assert len(seen) > 1
    assert crop.labels.max() == 1  # the source stays


def test_a_mosaic_is_one_crop_on_one_side_and_the_other_beyond(two_crops):
    crop, other = two_crops
    for seed in range(20):
        out = mosaic(crop, other, np.random.default_rng(seed))
        from_first = (out.labels == 1) & (out.image[0] == 0.5)
        from_other = (out.labels > 1) & (out.image[0] == 1)
        assert ((out.labels > 0) == (from_first | from_other)).all()


def test_image_and_labels_bend_together():
    yy, xx = np.mgrid[:160, :200]
    labels = (np.hypot(yy - 80, xx - 100) < 40).astype(np.int32)
    item = labelled_image("disc", (labels * 255).astype(np.uint8), labels, "cpu")
    straight, bent = (
        sample_crop(item, 96, np.random.default_rng(3), (60, 60), elastic=e)
        for e in (0.0, 1.0)
    )
    assert not bent.labels.equal(straight.labels)
    agree = ((bent.image[0] > 0.5) == (bent.labels > 0)).float().mean()
    assert agree > 0.99


def test_a_bending_does_not_fold():
    for seed in range(50):
        field = elastic_displacement(224, np.random.default_rng(seed))
        assert field.diff(dim=1)[0].min() > -1
        assert field.diff(dim=2)[1].min() > -1


# --- artefacts -------------------------------------------------------------


def test_artefacts_keep_a_flat_image_flat_or_striped():
    flat = torch.full((2, 3, 50, 70), 0.5)
    assert jpeg(flat).shape == flat.shape
    assert (jpeg(flat) - 0.5).abs().max() < 0.05
    torch.testing.assert_close(defocus(flat), flat)
    torch.manual_seed(0)
    lines = stripes(flat)[:, 0]
    for image in lines:
        assert (image.std(0).max() < 1e-6) != (image.std(1).max() < 1e-6)


def test_jpeg_removes_fine_detail_first():
    torch.manual_seed(0)
    x = torch.arange(64)
    fine = 0.02 * (x % 2).float() + 0.5
    coarse = 0.3 * torch.sin(x / 10) + 0.5
    image = fine.expand(1, 3, 64, 64), coarse.expand(1, 3, 64, 64)
    lost, kept = (jpeg(i).std(-1).mean() / i.std(-1).mean() for i in image)
    assert lost < 0.5
    assert kept > 0.9
