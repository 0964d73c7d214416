"""The commands, one module each: parse, call a job, print. A new one is added here.

Nothing heavy is imported before a command runs, so that ``--help`` is instant.
"""

from napari_hqsam.cli.commands import (
    auto,
    batch,
    cache,
    demo,
    doctor,
    embed,
    evaluate,
    models,
    propagate,
    refine,
    replay,
    segment,
    similar,
)

COMMANDS = (
    demo.demo,
    segment.segment,
    auto.auto,
    similar.similar,
    batch.batch,
    propagate.propagate,
    refine.refine,
    replay.replay,
    embed.embed,
    evaluate.evaluate,
    doctor.doctor,
)
"""In the order in which ``--help`` lists them."""

GROUPS = {"models": models.app, "cache": cache.app}
"""Commands with commands of their own."""
