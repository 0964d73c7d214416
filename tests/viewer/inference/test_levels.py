"""How large the network sees what is clicked on, with the bundled model."""

import numpy as np
import pytest
from scipy import ndimage

from napari_hqsam import models

ROW = [(40, 40), (40, 110), (40, 180)]
LONE = (150, 110)


def touching_nuclei(height=780, width=1040, size=95):
    """Five pairs of nuclei that touch, uint8, with texture and noise; their labels."""
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    labels = np.zeros(yy.shape, int)
    nearest = np.ones(yy.shape, np.float32)  # 0 in the middle of a nucleus, 1 outside
    image = np.full(yy.shape, 40, np.float32)
    for y, x in [(150, 170), (150, 830), (390, 500), (630, 200), (620, 830)]:
        turn = rng.uniform(0, np.pi)
        for sign in (1, -1):
            v = yy - y - sign * size * 0.46 * np.sin(turn)
            u = xx - x - sign * size * 0.46 * np.cos(turn)
            b, a = rng.uniform(0.9, 1.1, 2) * size / 2
            distance = (v / b) ** 2 + (u / a) ** 2
            texture = ndimage.gaussian_filter(rng.normal(0, 150, yy.shape), 9)
            inside = distance < nearest
            labels[inside] = labels.max() + 1
            nearest[inside] = distance[inside]
            brightness = rng.uniform(110, 190) * (1 - 0.35 * distance) + texture
            image[inside] = brightness[inside]
    image = ndimage.gaussian_filter(image, 1.5) + rng.normal(0, 8, yy.shape)
    return image.clip(0, 255).astype(np.uint8), labels


@pytest.fixture
def hand(viewer, open_widget, micro, monkeypatch):
    """Small discs in a row, and one alone."""
    monkeypatch.setattr(models, "load_model", lambda *_, **__: micro, raising=False)
    yy, xx = np.mgrid[:200, :220]
    image = np.full(yy.shape, 40, np.uint8)
    for y, x in [*ROW, LONE]:
        image[np.hypot(yy - y, xx - x) < 9] = 200
    viewer.add_image(image, name="discs")
    hand = open_widget(engine=None)
    hand.settings.prefetch = False
    hand.settings.hover = False
    return hand


def levels(hand):
    """Levels at which the last request is looked at first."""
    tiles = hand.engine.tiles(hand.controller.awaited_request[1])
    return [tile.address.level for tile in tiles]


def fitting(hand, size):
    request = hand.controller.awaited_request[1]
    segmenter = hand.engine.segmenter(request.image, request.model)
    return segmenter.grid.level_for(size, segmenter.model.tuning.object_share)


def accept(hand, *centres):
    """Accept objects; their longer sides."""
    sides = []
    for centre in centres:
        hand.click(*centre)
        y0, x0, y1, x1 = hand.current.mask.bbox
        sides.append(max(y1 - y0, x1 - x0))
        hand.key("N")
    return sides


def test_accepted_objects_tell_how_large_the_next_is(hand):
    hand.click(*LONE)
    assert len(levels(hand)) > 1  # nobody knows yet
    hand.key("Q")
    sides = accept(hand, *ROW)
    hand.click(*LONE)
    request = hand.controller.awaited_request[1]
    options = request.options
    assert (options.level, options.typical_size) == (
        "auto",
        np.median(sides),
    )
    assert levels(hand) == [fitting(hand, np.median(sides))]
    assert hand.current.mask.level == levels(hand)[0]
    y0, x0, y1, x1 = hand.current.mask.bbox
    hand.click(LONE[0] + 2, LONE[1])  # corrects it: its own size counts
    request = hand.controller.awaited_request[1]
    options = request.options
    assert (options.level, options.typical_size) == (
        "auto",
        np.median(sides),
    )
    assert hand.current.mask.level == fitting(hand, max(y1 - y0, x1 - x0))
    hand.key("N")
    events = hand.sessions.session.history.events
    assert [e.options.segmentation.typical_size for e in events] == [
        None,
        sides[0],
        np.median(sides[:2]),
        np.median(sides),
    ]


def test_what_was_seen_at_a_chosen_scale_tells_nothing(hand):
    hand.settings.scale = "whole"
    accept(hand, ROW[0])
    hand.settings.scale = "auto"
    hand.click(*LONE)
    assert len(levels(hand)) > 1


def test_sizes_are_of_one_image(hand, viewer):
    accept(hand, ROW[0])
    other = viewer.add_image(np.array(hand.scene.image.data), name="other")
    hand.scene.use(other)
    hand.settings.tool = "point"
    hand.click(*LONE)
    assert len(levels(hand)) > 1


def test_the_view_has_a_word_until_an_object_is_accepted(hand, viewer):
    camera = viewer.scene.camera
    seen = []
    for zoom in (2, 8):
        camera.zoom = zoom
        hand.click(*LONE)
        camera.zoom = 1
        hand.click(LONE[0] + 1, LONE[1])  # corrects what was found in that view
        seen.append(hand.controller.awaited_request[1].options.view_extent)
        hand.key("Q")
    assert seen == [round(max(viewer.canvas.size) / zoom) for zoom in (2, 8)]
    camera.zoom = 8
    hand.settings.scale = "view"
    hand.click(*LONE)
    assert hand.controller.awaited_request[1].options.view_extent is None
    hand.key("Q")
    hand.settings.scale = "auto"
    accept(hand, LONE)
    hand.click(*ROW[0])
    assert hand.controller.awaited_request[1].options.view_extent is None
    (event,) = hand.sessions.session.history.events
    assert event.options.segmentation.view_extent == seen[1]
    journal = hand.sessions.session.journal.path.read_text()
    assert f'"view_extent": {seen[1]:.1f}' in journal.replace('":', '": ')


def test_lone_clicks_on_ordinary_nuclei(viewer, open_widget, micro, monkeypatch):
    monkeypatch.setattr(models, "load_model", lambda *_, **__: micro, raising=False)
    image, labels = touching_nuclei()
    viewer.add_image(image, name="nuclei")
    hand = open_widget(engine=None)
    hand.settings.prefetch = hand.settings.hover = False
    viewer.reset_view()  # all of the image is seen
    numbers = range(1, 11)
    centres = ndimage.center_of_mass(labels > 0, labels, numbers)
    found = []
    for number, centre in zip(numbers, centres, strict=True):
        hand.click(*centre)
        mask, nucleus = hand.current.mask.to_plane(image.shape), labels == number
        found.append((mask & nucleus).sum() / (mask | nucleus).sum() > 0.7)
        hand.key("Q")
    assert sum(found) >= 9
