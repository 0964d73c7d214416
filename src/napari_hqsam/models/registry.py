"""The checkpoints that load by name.

Facts only, no I/O and no torch, so that listing the models is instant. Must
not know how a file is fetched or read.
"""

from __future__ import annotations

from napari_hqsam.errors import ModelError
from napari_hqsam.models.record import Checkpoint, WeightsFile
from napari_hqsam.models.sam_family import SAM_FAMILY
from napari_hqsam.models.tuning import InstanceTuning, Tuning

HUB = "https://huggingface.co/lkeab/hq-sam/resolve"
# Pinned: what stands at a name can then never change under a user.
REVISION = "67ab82412bc794d5ce2e9799b8b6a3c0a8cfe1d2"
REVISION_TINY = "a3a77cd0a2e5e50eaa76faccf61b964732d9b35f"


def _official(name: str, size: int, sha256: str, description: str) -> Checkpoint:
    """Return a checkpoint of the HQ-SAM paper."""
    file = f"sam_hq_{name}.pth"
    return Checkpoint(
        name=name,
        weights=WeightsFile(
            file=file,
            url=f"{HUB}/{REVISION}/{file}",
            bytes=size,
            sha256=sha256,
        ),
        variant=name,
        description=description,
    )


CHECKPOINTS: tuple[Checkpoint, ...] = (
    Checkpoint(
        name="micro",
        weights=WeightsFile(
            file="micro.safetensors",
            bytes=17_565_086,
            sha256="dbeb689f3d3587e15f52f36cf7b3694179c6c3581da5baa6f9a4159417037f4c",
        ),
        variant="efficientnet_lite0",
        input_size=448,
        description="Small HQ-SAM trained on open microscopy data; ships inside",
        tuning=Tuning(
            object_share=1 / 2,
            first_levels=(0, -2),
            cut_factor=0.8,
            view_sigmas=1.5,
            uncertain_score=0.7,
            automatic_share=1 / 8,
            points_per_side=18,
            apg=InstanceTuning(foreground=0.65, depth=0.25, sigma=3.2),
            ais=InstanceTuning(foreground=0.65, depth=0.25, sigma=3.2),
            prompted_quality=0.3,
            boxed_quality=0.5,
            quality=0.3,
            candidate_quality=0.4,
            sure_quality=0.4,
            end_stability=0.3,
            logit_blur=1.0,
        ),
    ),
    Checkpoint(
        name="vit_tiny",
        weights=WeightsFile(
            file="sam_hq_vit_tiny.pth",
            url=f"{HUB}/{REVISION_TINY}/sam_hq_vit_tiny.pth",
            bytes=42_526_881,
            sha256="0f32c075ccdd870ae54db2f7630e7a0878ede5a2b06d05d6fe02c65a82fb7196",
        ),
        variant="vit_tiny",
        description="Light HQ-SAM (TinyViT), the official one for a CPU",
    ),
    _official(
        "vit_b",
        379_335_069,
        "14a9d662cd6f5a9c2dba6d40ab0058d88d287e4a18fd6fdc6ad5fb1a3fdeaa57",
        "HQ-SAM with ViT-B: a small GPU; slow on a CPU",
    ),
    _official(
        "vit_l",
        1_254_865_805,
        "e1a6c385d62bf005ded91a54d5ec55c985cfc4103ef89c08d90f39f04934c343",
        "HQ-SAM with ViT-L, the main model of the paper: a GPU",
    ),
    _official(
        "vit_h",
        2_570_940_653,
        "a7ac14a085326d9fa6199c8c698c4f0e7280afdbb974d2c4660ec60877b45e35",
        "HQ-SAM with ViT-H, the largest: a GPU",
    ),
    *SAM_FAMILY,
)


def list_models() -> tuple[Checkpoint, ...]:
    """List the checkpoints that load by name: HQ-SAM, then SAM and micro-sam."""
    return CHECKPOINTS


def find_checkpoint(name: str) -> Checkpoint:
    """Look a checkpoint up by its name.

    Raises
    ------
    ModelError
        There is none of this name; the message lists those there are.
    """
    for checkpoint in CHECKPOINTS:
        if checkpoint.name == name:
            return checkpoint
    raise ModelError(
        f"no model is called {name!r}: choose one of "
        f"{', '.join(c.name for c in CHECKPOINTS)}, "
        "or give the path of a .pth or .safetensors file"
    )


def tuning_for(input_size: int) -> Tuning:
    """Return the tuning for unregistered weights, by the side of their input.

    Official networks see 1024 pixels. A registered one of the same size is of the
    same kind: another version of the bundled model is used as the bundled one.
    """
    alike = (c.tuning for c in CHECKPOINTS if c.input_size == input_size)
    return next(alike, Tuning())
