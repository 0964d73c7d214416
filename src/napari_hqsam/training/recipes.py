"""The recipes behind the bundled model, by name."""

from __future__ import annotations

from napari_hqsam.training.loop import Recipe, Stage

RECIPES = {
    # About an hour and a half on one slow core: the first bundled weights.
    "first": Recipe(
        stages=(
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
        ),
        weights={"dsb2018": 8.0, "usiigaci": 2.0, "bbbc010": 1.5, "axon_sem": 1.5},
    ),
}
