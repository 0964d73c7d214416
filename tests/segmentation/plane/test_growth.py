"""Objects larger than a tile: whole, without seams, and at a bounded price."""

import warnings
from collections import Counter

import numpy as np
import pytest
import torch

from napari_hqsam import Prompt, Segmenter
from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.segmentation.plane import growth, logit_canvas, tracing
from napari_hqsam.segmentation.plane.boundary import boundary_tiles
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder
from napari_hqsam.segmentation.plane.logit_canvas import LogitCanvas
from napari_hqsam.tiling import Grid

LIMITS = (0, 255)


def segmenter_of(image, model):
    return Segmenter(image, model, normalization=LIMITS, cache=False)


def ellipse(centre, radii):
    """Signed distance, about, to an ellipse."""

    def distance(y, x):
        r = np.hypot((y - centre[0]) / radii[0], (x - centre[1]) / radii[1])
        return (1 - r) * min(radii)

    return distance


def test_an_object_within_its_tile_is_the_tiles_answer(drawn, soft, bright):
    shape = ellipse((150, 200), (20, 20))
    image = drawn((400, 400), lambda y, x: soft(shape(y, x)))
    model = bright()
    segmenter = segmenter_of(image, model)
    mask = segmenter.segment(Prompt([(150, 200)]), level=0)
    assert (model.network.encoded, model.network.decoded) == (1, 1)
    assert mask.complete
    assert mask.level == 0
    truth = shape(*np.ogrid[:400, :400]) > 0
    assert (mask.to_plane((400, 400)) ^ truth).sum() < 0.02 * truth.sum()


@pytest.mark.parametrize("unsure", [0, 24])
def test_an_object_four_tiles_wide_comes_back_whole(drawn, soft, bright, unsure):
    shape = ellipse((400, 600), (180, 256))  # tiles are 128 pixels wide
    image = drawn((800, 1200), lambda y, x: soft(shape(y, x)))
    model = bright(unsure=unsure)
    mask = segmenter_of(image, model).segment(Prompt([(390, 610)]), level=0)
    truth = shape(*np.ogrid[:800, :1200]) > 0
    wrong = mask.to_plane((800, 1200)) ^ truth
    assert mask.complete
    assert model.network.decoded <= 51
    assert wrong.sum() < 0.01 * truth.sum()
    distance = np.abs(shape(*np.ogrid[:800, :1200]))
    assert distance[wrong].max() < 4  # nowhere cut, nowhere off


def test_without_growth_it_would_be_cut(drawn, soft, bright, monkeypatch):
    shape = ellipse((400, 600), (180, 256))
    image = drawn((800, 1200), lambda y, x: soft(shape(y, x)))
    monkeypatch.setattr(growth.MaskGrower, "_is_cut", lambda *_: False)
    mask = segmenter_of(image, bright()).segment(Prompt([(390, 610)]), level=0)
    truth = shape(*np.ogrid[:800, :1200]) > 0
    assert mask.area < 0.2 * truth.sum()


def winding(y, x):
    """Distance to a line 12 px wide that winds along x, from 500 to 20,500."""
    middle = 300 + 150 * np.sin(x / 400)
    across = 6 - np.abs(y - middle) * np.cos(np.arctan(150 / 400 * np.cos(x / 400)))
    return np.minimum(across, np.minimum(x - 500, 20_500 - x))


def test_a_long_thin_object_is_followed_from_tile_to_tile(drawn, soft, bright):
    image = drawn((600, 21_000), lambda y, x: soft(winding(y, x)))
    model = bright(448)
    segmenter = segmenter_of(image, model)
    mask = segmenter.segment(Prompt([(300, 400 * 8 * np.pi)]), level=0)
    truth = winding(*np.ogrid[:600, :21_000]) > 0
    found = mask.to_plane((600, 21_000))
    assert mask.complete
    assert (found ^ truth).sum() < 0.05 * truth.sum()
    assert (mask.bbox[1], mask.bbox[3]) == pytest.approx((500, 20_500), abs=4)
    assert model.network.encoded <= 2 * 20_000 / 224 + 10  # followed, then refined


def test_a_limit_of_tiles_gives_a_warning(drawn, soft, bright, monkeypatch):
    monkeypatch.setattr(tracing, "MAX_TILES", 10)
    image = drawn((600, 21_000), lambda y, x: soft(winding(y, x)))
    model = bright(448)
    segmenter = segmenter_of(image, model)
    with pytest.warns(HqsamWarning, match="continues beyond the .* tiles"):
        mask = segmenter.segment(Prompt([(300, 400 * 8 * np.pi)]), level=0)
    assert not mask.complete
    assert mask.area > 10_000  # what was found is given
    assert model.network.encoded < 30


def hairpin(gap, half_width, length):
    """Distance to two lines along x, joined at their far end."""

    def distance(y, x):
        far = length + half_width
        upper = np.minimum(half_width - np.abs(y - 100), np.minimum(x - 50, far - x))
        lower = np.minimum(
            half_width - np.abs(y - 100 - gap), np.minimum(x - 50, far - x)
        )
        along = np.minimum(y - 100 + half_width, 100 + gap + half_width - y)
        joint = np.minimum(half_width - np.abs(x - length), along)
        return np.maximum.reduce([*np.broadcast_arrays(upper, lower, joint)])

    return distance


@pytest.fixture
def decodings(monkeypatch):
    """How often each tile was decoded."""
    counts = Counter()
    decode = PlaneDecoder.decode

    def counted(self, prompts, tile, **how):
        counts[tile.address] += len(prompts)
        return decode(self, prompts, tile, **how)

    monkeypatch.setattr(PlaneDecoder, "decode", counted)
    return counts


@pytest.mark.parametrize(
    ("gap", "half_width", "size"),
    [(100, 16, 448), (300, 16, 448), (100, 6, 448), (30, 6, 128), (40, 6, 128)],
)
def test_an_object_that_comes_back_into_a_tile_is_whole(
    drawn, soft, bright, decodings, gap, half_width, size
):
    """Also where the coarse look loses its thin joint, or tiles see one arm each."""
    shape = hairpin(gap, half_width, 1500)
    image = drawn((500, 1600), lambda y, x: soft(shape(y, x)))
    segmenter = segmenter_of(image, bright(size))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mask = segmenter.segment(Prompt([(100, 300)]), level=0)
    truth = shape(*np.ogrid[:500, :1600]) > 0
    found = mask.to_plane((500, 1600))
    assert mask.complete
    assert (found & truth).sum() > 0.99 * truth.sum()
    assert (found & ~truth).sum() < 0.12 * truth.sum()
    assert max(decodings.values()) <= tracing.MAX_DECODINGS + 1  # upwards, then refined


def test_a_limit_of_decodings_gives_a_warning(
    drawn, soft, bright, decodings, monkeypatch
):
    monkeypatch.setattr(tracing, "MAX_DECODINGS", 1)
    shape = hairpin(40, 6, 1500)
    image = drawn((500, 1600), lambda y, x: soft(shape(y, x)))
    monkeypatch.setattr(
        growth.MaskGrower, "_coarser_predictions", lambda _, first: [first]
    )
    segmenter = segmenter_of(image, bright(448))
    with pytest.warns(HqsamWarning, match="continues beyond"):
        mask = segmenter.segment(Prompt([(100, 300)]), level=0)
    assert not mask.complete
    assert max(decodings.values()) == 1


def test_what_the_coarse_level_loses_beyond_the_limit_gives_a_warning(
    drawn, soft, bright, monkeypatch
):
    shape = hairpin(3000, 6, 4000)
    image = drawn((3300, 4300), lambda y, x: soft(shape(y, x)))
    monkeypatch.setattr(tracing, "MAX_TILES", 12)
    with pytest.warns(HqsamWarning, match="continues beyond"):
        mask = segmenter_of(image, bright(448)).segment(Prompt([(100, 700)]), level=0)
    assert not mask.complete


def test_a_component_that_a_finer_tile_does_not_confirm_stays(
    drawn, soft, bright, monkeypatch
):
    """Each tile segments only the component at its first point."""
    shape = hairpin(100, 16, 1500)
    image = drawn((500, 1600), lambda y, x: soft(shape(y, x)))
    model = bright(448)
    decode = tracing.TilePrompter.decode

    def of_one(self, canvas, tile, parts, before=None):
        logits = decode(self, canvas, tile, parts, before)
        others = np.any(parts[1:], axis=0) if before is not None else np.False_
        if others.any():
            h, w = others.shape
            logits = logits.clone()
            logits[:h, :w][torch.from_numpy(others)] = -6.0
        return logits

    monkeypatch.setattr(tracing.TilePrompter, "decode", of_one)
    mask = segmenter_of(image, model).segment(Prompt([(100, 300)]), level=0)
    truth = shape(*np.ogrid[:500, :1600]) > 0
    found = mask.to_plane((500, 1600))
    assert (found & truth).sum() > 0.97 * truth.sum()


class Arms:
    """A prompter whose tiles each show one arm."""

    def __init__(self, vertical):
        self.vertical = vertical

    def decode(self, canvas, tile, parts, before=None):
        return arm_logits(self.vertical, canvas.rect(tile))


def arm_logits(arm, rect):
    """Logits of a tile that shows one arm: rows and columns of the canvas."""
    logits = torch.full((32, 32), -6.0)
    (top, bottom), (left, right) = arm
    logits[
        max(top - rect[0], 0) : max(bottom - rect[0], 0),
        max(left - rect[1], 0) : max(right - rect[1], 0),
    ] = 6.0
    return logits


def test_a_tile_suppresses_only_what_it_was_prompted_for():
    """Neither what was there before it was decoded, nor what is found later."""
    grid = Grid((256, 256), 128)
    across, down = ((42, 44), (16, 48)), ((46, 64), (30, 32))
    canvas = LogitCanvas(grid, 0)
    tracer = tracing.TileTracer(Arms(down), canvas)
    first, second = grid.tile(0, 1, 1), grid.tile(0, 2, 1)
    rect = canvas.rect(first)
    both = torch.maximum(arm_logits(across, rect), arm_logits(down, rect))
    tracer.add(first, both, (both > 0).numpy())
    assert tracer.trace(tracer.exits(first, (arm_logits(down, rect) > 0).numpy()))
    assert canvas.tiles == [first, second]
    assert (canvas.read((42, 18, 44, 46)) > 0).all()
    assert (canvas.read((46, 30, 60, 32)) > 0).all()

    canvas = LogitCanvas(grid, 0)
    tracer = tracing.TileTracer(Arms(down), canvas)
    high = ((34, 36), (18, 46))  # where the first tile has more weight
    for tile, arm in ((first, across), (second, high)):
        logits = arm_logits(arm, canvas.rect(tile))
        tracer.add(tile, logits, (logits > 0).numpy())
    assert (canvas.read((34, 20, 36, 44)) > 0).all()


def test_the_boundary_of_a_long_diagonal_takes_little_memory():
    import tracemalloc

    grid = Grid((20_000, 20_000), 128)
    yy, xx = np.indices((32, 32))
    disc = torch.from_numpy(9 - np.hypot(yy - 16, xx - 16)).float()
    coarse = LogitCanvas.of(grid, grid.tile(0, 1, 1), disc)
    rows, cols = grid.shape(0)
    coarse.add(grid.tile(0, rows - 2, cols - 2), disc)
    tracemalloc.start()
    tiles = boundary_tiles(coarse, LogitCanvas(grid, -1, coarse))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(tiles) >= 8
    assert peak < 16e6  # 25 million canvas pixels lie between


def test_a_mask_too_large_to_be_held_is_one_clear_error(
    drawn, soft, bright, monkeypatch
):
    monkeypatch.setattr(logit_canvas, "MAX_CROP", 1000)
    shape = ellipse((150, 200), (20, 20))
    image = drawn((400, 400), lambda y, x: soft(shape(y, x)))
    with pytest.raises(ImageError, match=r"at most 1000: prompt its parts") as error:
        segmenter_of(image, bright()).segment(Prompt([(150, 200)]), level=0)
    assert "\n" not in str(error.value)


def boundary_errors(found, truth_distance):
    """Signed distance of each boundary pixel of a mask to the true outline."""
    inner = found[1:-1, 1:-1]
    edge = inner & ~(
        found[:-2, 1:-1] & found[2:, 1:-1] & found[1:-1, :-2] & found[1:-1, 2:]
    )
    rows, cols = np.nonzero(edge)
    return rows + 1, cols + 1, truth_distance[rows + 1, cols + 1]


@pytest.mark.parametrize("centre", [(256, 256), (256, 300), (320, 333), (288, 256)])
def test_no_seam_where_tiles_meet(drawn, soft, bright, centre):
    """The boundary is displaced no more at tile borders than elsewhere.

    The network answers badly near the borders of its tiles; an untiled view is
    the same network with an input as large as the image.
    """
    shape = ellipse(centre, (150, 130))
    image = drawn((640, 640), lambda y, x: soft(shape(y, x)))
    distance = shape(*np.ogrid[:640, :640])
    tiled = segmenter_of(image, bright(unsure=24)).segment(Prompt([centre]), level=0)
    untiled = segmenter_of(image, bright(640)).segment(Prompt([centre]), level=0)
    one = tiled.to_plane((640, 640))
    rows, cols, errors = boundary_errors(one, distance)
    _, _, expected = boundary_errors(untiled.to_plane((640, 640)), distance)
    grid = np.minimum(
        np.abs((rows + 32) % 64 - 32), np.abs((cols + 32) % 64 - 32)
    )  # every tile border is a multiple of 64
    at_seam, elsewhere = np.abs(errors[grid < 6]), np.abs(errors[grid >= 6])
    assert min(len(at_seam), len(elsewhere)) > 100
    assert at_seam.mean() < elsewhere.mean() + 0.5
    assert np.abs(errors).max() < np.abs(expected).max() + 1.5


def test_many_prompts_in_any_order_give_the_same_masks(drawn, soft, bright):
    centres = [(60 + 90 * i, 60 + 90 * j) for i in range(6) for j in range(6)]

    def value(y, x):
        return soft(np.maximum.reduce([ellipse(c, (25, 30))(y, x) for c in centres]))

    image = drawn((640, 640), value)
    model = bright()
    segmenter = segmenter_of(image, model)
    prompts = [Prompt([c]) for c in centres]
    masks = segmenter.segment_many(prompts, level=0)
    encoded = model.network.encoded
    again = segmenter.segment_many(prompts[::-1], level=0)[::-1]
    assert model.network.encoded == encoded <= 81
    for centre, mask, other in zip(centres, masks, again, strict=True):
        assert mask.bbox == other.bbox
        assert (mask.data == other.data).all()
        y0, x0, y1, x1 = mask.bbox
        assert (y0 + y1 - 1) / 2 == pytest.approx(centre[0], abs=1)
        assert (x0 + x1 - 1) / 2 == pytest.approx(centre[1], abs=1)


def test_a_click_on_a_huge_plane_reads_a_few_tiles(drawn, soft, bright):
    def value(y, x):
        return soft(24 - np.hypot(y % 100 - 50, x % 100 - 50))

    small = drawn((1000, 1000), value)
    huge = drawn((100_000, 100_000), value)
    counts = []
    for image, point in ((small, (550, 550)), (huge, (54_350, 71_250))):
        model = bright(448)
        segmenter = segmenter_of(image, model)
        mask = segmenter.segment(Prompt([point]))
        assert mask.area == pytest.approx(np.pi * 24**2, rel=0.05)
        counts.append((model.network.encoded, image.pixels_read))
    assert counts[0][0] == counts[1][0]
    assert counts[1][1] <= 21 * 448**2  # three levels: 1 + 4 + 16 tiles' pixels
    assert huge.largest_read <= 16 * 448**2


def test_masks_are_crops_however_large_the_plane(drawn, soft, bright):
    import tracemalloc

    huge = drawn((100_000, 100_000), lambda y, x: soft(20 - np.hypot(y - 5e4, x - 5e4)))
    segmenter = segmenter_of(huge, bright())
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mask = segmenter.segment(Prompt([(5e4, 5e4)]), level=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mask.data.size < 50 * 50
    assert peak < 50e6


def test_a_line_is_followed_past_fatter_things_of_the_same_look(drawn, soft, bright):
    """Beside the line lies a blob that the first tile's mask holds, too."""

    def value(y, x):
        line = np.minimum(8 - np.abs(y - 88), np.minimum(x - 20, 900 - x))
        return soft(np.maximum(line, 30 - np.hypot(y - 150, x - 110)))

    image = drawn((256, 1000), value)

    def both(self, mask, rect, pitch):
        return mask  # as if the network took them for one object

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growth.MaskGrower, "_object", both)
        patch.setattr(
            growth.MaskGrower, "_coarser_predictions", lambda _, first: [first]
        )
        mask = segmenter_of(image, bright()).segment(
            Prompt([(88, 60), (150, 110)]), level=0, clean=False
        )
    assert mask.bbox[3] == pytest.approx(900, abs=3)


def test_a_far_negative_click_changes_nothing(discs, micro):
    image = np.pad(discs[0], ((0, 900), (0, 900)), mode="reflect")
    segmenter = Segmenter(image, micro, cache=False)
    alone = segmenter.segment(Prompt([(60, 160)]))
    with_far = segmenter.segment(Prompt([(60, 160), (1000, 1100)], [1, 0]))
    assert with_far.bbox == alone.bbox
    assert (with_far.data == alone.data).all()


def test_a_negative_click_at_the_deepest_point_is_no_error(drawn, soft, bright):
    shape = ellipse((300, 300), (100, 100))
    image = drawn((600, 600), lambda y, x: soft(shape(y, x)))
    prompt = Prompt([(230, 300), (300, 300)], [1, 0])
    mask = segmenter_of(image, bright()).segment(prompt, level=-2)
    assert mask.area > 0


def test_stability_of_a_field_without_finer_answers_is_that_below():
    grid = Grid((1000, 1000), 128)
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(32, 32)))
    coarse = LogitCanvas.of(grid, grid.tile(2, 1, 1), logits.float())
    assert 0 < coarse.stability() < 1
    assert LogitCanvas(grid, 1, coarse).stability() == coarse.stability()


def test_padding_beyond_the_plane_does_not_count():
    grid = Grid((72, 72), 128)
    logits = torch.zeros(32, 32)  # neither sure nor unsure: all below -1 and above 1
    logits[:18, :18] = -5
    logits[4:9, 4:9] = 5
    assert LogitCanvas.of(grid, grid.tile(0, 0, 0), logits).stability() == 1


def test_a_boundary_too_long_to_refine_is_told(drawn, soft, bright, monkeypatch):
    shape = ellipse((400, 600), (180, 256))
    image = drawn((800, 1200), lambda y, x: soft(shape(y, x)))
    monkeypatch.setattr(tracing, "MAX_TILES", 6)
    with pytest.warns(HqsamWarning, match="as fine as level"):
        mask = segmenter_of(image, bright()).segment(Prompt([(390, 610)]), level=0)
    assert mask.complete


@pytest.mark.parametrize("shape", [(1, 3000), (2, 3000), (3000, 1), (1, 1), (7, 5)])
def test_a_mask_prompt_on_a_thin_plane_is_not_inverted(shape):
    from napari_hqsam.models import Tuning
    from napari_hqsam.segmentation.plane.encode_prompts import mask_logits
    from napari_hqsam.segmentation.plane.levels import levels_to_try, tile_for

    prompt = Prompt(mask=np.ones(shape, bool))
    grid = Grid(shape, 448)
    (level,) = levels_to_try(prompt, grid, Tuning())
    tile = tile_for(prompt, grid, level)
    logits = mask_logits(prompt, tile, shape)
    h, w = (max(1, round(side / 4)) for side in tile.resized_shape)
    assert (logits[:h, :w] > 4).all()
