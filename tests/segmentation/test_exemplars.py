"""Find all objects like a few examples: what is like them, and nothing else."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_hqsam import Segmenter, open_image
from napari_hqsam.errors import ImageError, PromptError
from napari_hqsam.masks.mask import Mask
from napari_hqsam.masks.metrics import iou
from napari_hqsam.network.transforms import PIXEL_MEAN, PIXEL_STD
from napari_hqsam.segmentation import Example
from tests.helpers.bright_network import BrightNetwork, bright_model

RED = [(40, 40), (64, 130), (150, 190), (200, 110), (60, 230)]
YELLOW = [(130, 64), (215, 30), (120, 130), (215, 215)]
RADIUS = 14
SHAPE = (240, 260)


class ColourNetwork(BrightNetwork):
    """A `BrightNetwork` whose embedding is the colour; red decides what is bright."""

    def encode(self, images):
        features, early = super().encode(images)
        mean, std = (
            torch.tensor(v)[None, :, None, None] for v in (PIXEL_MEAN, PIXEL_STD)
        )
        rgb = F.avg_pool2d((images * std + mean) / 255, 16)
        features[:, 16:19] = rgb - 0.4
        return features, early

    def prepare(self, features, early):
        prepared = super().prepare(features, early)
        colour = torch.zeros_like(prepared.features)
        colour[..., 16:19] = prepared.features[..., 16:19]
        return prepared._replace(features=colour)


def disc(centre, radius=RADIUS):
    yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(yy - centre[0], xx - centre[1]) <= radius


def picture(red=RED, yellow=YELLOW, green=255):
    """(h, w, 3) uint8."""
    pixels = np.zeros((*SHAPE, 3), np.uint8)
    for centre in (*red, *yellow):
        pixels[disc(centre), 0] = 255
    for centre in yellow:
        pixels[disc(centre), 1] = green
    return pixels


def mask_at(centre, radius=RADIUS):
    on = disc(centre, radius)
    rows, columns = (np.flatnonzero(on.any(axis)) for axis in (1, 0))
    crop = on[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Mask.from_crop(crop, (rows[0], columns[0]), 1.0, 1.0)


@pytest.fixture
def colours():
    """Make a segmenter of a picture."""

    def make(pixels, axes="yxc"):
        image = open_image(pixels, axes=axes)
        model = bright_model(128)
        model.network = ColourNetwork(128)
        return Segmenter(image, model, normalization="none", cache=False)

    return make


def centres_of(masks):
    return sorted(
        (round((m.bbox[0] + m.bbox[2] - 1) / 2), round((m.bbox[1] + m.bbox[3] - 1) / 2))
        for m in masks
    )


@pytest.mark.parametrize("count", [1, 2, 3])
def test_all_like_the_examples_are_found_once_and_nothing_else(colours, count):
    segmenter = colours(picture())
    everything = segmenter.segment_everything(level=0, points_per_side=9)
    assert len(everything) == len(RED) + len(
        YELLOW
    )  # so it is the examples that choose
    masks = segmenter.segment_similar([mask_at(c) for c in RED[:count]])
    assert centres_of(masks) == sorted(RED[count:])
    for mask in masks:
        assert max(iou(mask.to_plane(SHAPE), disc(c)) for c in RED) > 0.85


def test_what_is_nearer_to_a_counter_example_is_left_out(colours):
    segmenter = colours(picture(green=120))  # yellow is orange, which is like red
    masks = segmenter.segment_similar([mask_at(RED[0])], level=0)
    assert centres_of(masks) == sorted([*RED[1:], *YELLOW])
    masks = segmenter.segment_similar(
        [mask_at(RED[0])], unlike=[mask_at(YELLOW[0])], level=0
    )
    assert centres_of(masks) == sorted(RED[1:])


def test_objects_of_another_size_are_left_out(colours):
    pixels = picture(red=RED[:3], yellow=[])
    pixels[disc((195, 60), 40), 0] = 255
    pixels[disc((30, 200), 4), 0] = 255
    masks = colours(pixels).segment_similar([mask_at(RED[0])], level=0)
    assert centres_of(masks) == sorted(RED[1:3])


def test_examples_of_another_plane_find_objects_on_this_one(colours):
    stack = np.stack([picture(red=RED[:2]), picture(red=RED[2:])])
    segmenter = colours(stack, "zyxc")
    example = Example(mask_at(RED[0]), {"z": 0})
    masks = segmenter.segment_similar([example], plane={"z": 1}, level=0)
    assert centres_of(masks) == sorted(RED[2:])
    masks = segmenter.segment_similar([example], plane={"z": 0}, level=0)
    assert centres_of(masks) == [RED[1]]


def test_existing_objects_are_not_found_again(colours):
    taken = np.zeros(SHAPE, np.uint16)
    taken[disc(RED[1])] = 7
    segmenter = colours(picture())
    masks = segmenter.segment_similar([mask_at(RED[0])], taken=taken, level=0)
    assert centres_of(masks) == sorted(RED[2:])


def test_only_a_region_is_searched_and_encoded(colours):
    segmenter = colours(np.tile(picture(), (8, 8, 1)))
    masks = segmenter.segment_similar(
        [mask_at(RED[0])], region=(0, 0, 100, 170), level=0
    )
    assert centres_of(masks) == [RED[1]]
    assert segmenter.source.encoded <= 6


def test_the_level_gives_the_examples_back(colours):
    """At a coarser level these discs are a few pixels."""
    segmenter = colours(picture())
    assert segmenter.segment_similar([mask_at(RED[0])])[0].level <= 0


def test_better_matches_come_first_and_progress_is_told(colours):
    told = []
    segmenter = colours(picture())
    segmenter.segment_similar(
        [mask_at(RED[0])], level=0, progress=lambda *each: told.append(each)
    )
    rows, columns = segmenter.grid.shape(0)
    assert told[-1] == (rows * columns, rows * columns)


def test_examples_that_cannot_be_used_are_refused(colours):
    segmenter = colours(picture())
    with pytest.raises(PromptError, match="no example"):
        segmenter.segment_similar([])
    with pytest.raises(PromptError, match="1 pixels is too small"):
        segmenter.segment_similar([mask_at(RED[0], 0.5)])
    with pytest.raises(PromptError, match="does not lie on the plane of 240 x 260"):
        segmenter.segment_similar(
            [Mask.from_crop(np.ones((9, 9), bool), (235, 3), 1, 1)]
        )
    with pytest.raises(ImageError, match="z"):
        segmenter.segment_similar([Example(mask_at(RED[0]), {"z": 4})])
    with pytest.raises(ImageError, match="region"):
        segmenter.segment_similar([mask_at(RED[0])], region=(0, 0, 500, 10))
    with pytest.raises(PromptError, match="whole"):
        segmenter.segment_similar([mask_at(RED[0])], level="whole")
    assert segmenter.source.encoded == 0
