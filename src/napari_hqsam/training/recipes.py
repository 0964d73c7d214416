"""The recipes behind the bundled model, by name."""

from __future__ import annotations

from typing import Any

from napari_hqsam.training.loop import Recipe, Stage

_LATER: dict[str, Any] = {"balance": (0.4, 0.4), "clicks": 0.5, "drawn": 0.8}

_MIXED: dict[str, Any] = {
    **_LATER,
    "sizes": (6.0, 400.0),
    "synthetic": 0.3,
    "elastic": 0.3,
    "pasted": 0.25,
    "mosaic": 0.1,
}

_HQ: dict[str, Any] = {
    "side": 320,
    "images": 3,
    "lr": (5e-4, 0.0),
    "sizes": (16.0, 260.0),
    "balance": (0.5, 0.0),
    "rounds": (1.0,),
    "drawn": 0.8,
    "hq_only": True,
}
"""The HQ part alone, as its paper trains it, on crops that show more of an edge."""

_SHARES = {"dsb2018": 4.0, "usiigaci": 2.0, "bbbc010": 1.5, "axon_sem": 1.5}

RECIPES = {
    "micro": Recipe(
        stages=(
            # An hour and a half on one slow core: the first bundled weights.
            Stage(
                1300, side=112, images=8, prompts=8, lr=(6e-4, 4e-4), sizes=(8.0, 90.0)
            ),
            Stage(
                440,
                side=224,
                images=4,
                prompts=8,
                lr=(4e-4, 3.5e-4),
                sizes=(10.0, 180.0),
                balance=(0.5, 0.3),
                drawn=0.7,
            ),
            Stage(
                580,
                side=224,
                images=4,
                prompts=8,
                lr=(3.5e-4, 0.0),
                sizes=(16.0, 160.0),
                balance=(0.8, 0.4),
                clicks=0.6,
                drawn=0.85,
            ),
            # Another two and a half hours: warm up again, most of it on small crops
            # (3 times as many a second), then larger ones, then down to nothing.
            Stage(100, side=112, images=8, lr=(0.0, 5e-4), sizes=(8.0, 90.0), **_LATER),
            Stage(
                2400, side=112, images=8, lr=(5e-4, 4e-4), sizes=(8.0, 90.0), **_LATER
            ),
            Stage(700, side=224, lr=(4e-4, 3e-4), sizes=(12.0, 180.0), **_LATER),
            Stage(500, side=224, lr=(3e-4, 0.0), sizes=(12.0, 180.0), **_LATER),
            # Another seven hours, all but the first of them on larger crops: 500 steps
            # on those had gained what 2600 on small ones had not.
            Stage(100, side=112, images=8, lr=(0.0, 5e-4), sizes=(8.0, 90.0), **_LATER),
            Stage(
                2600, side=112, images=8, lr=(5e-4, 4e-4), sizes=(8.0, 90.0), **_LATER
            ),
            Stage(2950, side=224, lr=(4e-4, 4e-4), sizes=(12.0, 180.0), **_LATER),
            Stage(1520, side=224, lr=(4e-4, 0.0), sizes=(12.0, 180.0), **_LATER),
            Stage(300, **_HQ),
        ),
        weights=_SHARES,
    ),
    "v4": Recipe(
        variant="efficientnet_lite0",
        stages=(
            # The stages of the first TinyViT run: 14,500 crops.
            Stage(1300, side=112, images=8, lr=(6e-4, 4e-4), sizes=(8.0, 90.0)),
            Stage(440, lr=(4e-4, 3.5e-4), balance=(0.5, 0.3), drawn=0.7),
            Stage(
                580,
                lr=(3.5e-4, 0.0),
                sizes=(16.0, 160.0),
                balance=(0.8, 0.4),
                clicks=0.6,
                drawn=0.85,
            ),
            Stage(3400, lr=(4e-4, 0.0), sizes=(10.0, 220.0), **_LATER),
            # Warm up again, stay at a high rate, then down to nothing.
            Stage(100, lr=(0.0, 4e-4), sizes=(10.0, 220.0), **_LATER),
            Stage(2180, lr=(4e-4, 4e-4), sizes=(10.0, 220.0), **_LATER),
            Stage(1200, lr=(4e-4, 0.0), sizes=(10.0, 220.0), **_LATER),
            Stage(250, **_HQ),
            # Weights 4.0 end here. Warm up again, stay at a high rate.
            Stage(100, lr=(0.0, 4e-4), sizes=(10.0, 220.0), **_LATER),
            Stage(1624, lr=(4e-4, 4e-4), sizes=(10.0, 220.0), **_LATER),
            # From here on with an instance decoder, mixed crops, more synthetic images.
            Stage(100, lr=(0.0, 4e-4), **_MIXED),
            Stage(2000, lr=(4e-4, 4e-4), **_MIXED),
            Stage(1300, lr=(4e-4, 0.0), **_MIXED),
            Stage(250, **_HQ),
        ),
        weights=_SHARES,
    ),
}
