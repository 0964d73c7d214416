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
                1000,
                side=224,
                images=4,
                prompts=8,
                lr=(4e-4, 0.0),
                sizes=(10.0, 180.0),
                balance=(0.5, 0.0),
                drawn=0.7,
            ),
        ),
        weights={"dsb2018": 4.0, "usiigaci": 2.0, "bbbc010": 1.5, "axon_sem": 1.5},
    ),
}
