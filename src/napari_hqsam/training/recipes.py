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

_MILD: dict[str, Any] = {
    **_LATER,
    "sizes": (8.0, 300.0),
    "synthetic": 0.15,
    "elastic": 0.15,
    "pasted": 0.1,
    "mosaic": 0.05,
}
"""Fewer mixed crops: at the shares above, images of the seen sets lose accuracy."""

_PLAIN: dict[str, Any] = {**_MILD, "synthetic": 0.25}

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

_SHARES = {
    "dsb2018": 4.0,
    "usiigaci": 2.0,
    "bbbc010": 1.5,
    "axon_sem": 1.5,
    "rossa_octa": 3.0,
}

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
    "v5": Recipe(
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
            # Weights 4.1 end here.
            Stage(100, lr=(0.0, 4e-4), **_MILD),
            Stage(6000, lr=(4e-4, 4e-4), **_MILD),
            Stage(3205, lr=(4e-4, 4e-4), **{**_MILD, "sizes": (6.0, 400.0)}),
            Stage(1102, lr=(4e-4, 6e-5), **_MILD),
            # The sizes of 6 to 400 cost accuracy: back to the milder ones.
            Stage(100, lr=(6e-5, 4e-4), **_MILD),
            Stage(1500, lr=(4e-4, 4e-4), **_MILD),
            Stage(1300, lr=(4e-4, 0.0), **_MILD),
            Stage(250, **_HQ),
            # Twice more: warm up, stay, down, the HQ part.
            Stage(100, lr=(0.0, 4e-4), **_MILD),
            Stage(5000, lr=(4e-4, 4e-4), **_MILD),
            Stage(1300, lr=(4e-4, 0.0), **_MILD),
            Stage(250, **_HQ),
            Stage(100, lr=(0.0, 4e-4), **_MILD),
            Stage(2000, lr=(4e-4, 4e-4), **_MILD),
            Stage(600, lr=(4e-4, 0.0), **_MILD),
            Stage(250, **_HQ),
            # Large flat objects were lost after step 28,381: the mean of both, and
            # synthetic images of such objects.
            Stage(100, lr=(0.0, 4e-4), mean_with=28_381, **_PLAIN),
            Stage(1200, lr=(4e-4, 4e-4), **_PLAIN),
            Stage(700, lr=(4e-4, 0.0), **_PLAIN),
            Stage(250, **_HQ),
            # At a rate of 0: the mean alone. Version 5 ends here.
            Stage(1, lr=(0.0, 0.0), mean_with=37_981),
        ),
        weights=_SHARES,
    ),
}
