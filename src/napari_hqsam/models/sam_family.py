"""SAM, MobileSAM, and micro-sam's models for light and electron microscopy.

Facts only. Files of micro-sam whose licence is not published (histopathology,
medical images) have no name here and load by path.
"""

from __future__ import annotations

from math import sqrt

from napari_hqsam.models.record import Checkpoint, WeightsFile
from napari_hqsam.models.tuning import InstanceTuning, Tuning

META = "https://dl.fbaipublicfiles.com/segment_anything"
MOBILE_SAM = (
    "https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/"
    "34bbbfdface3c18e5221aa7de6032d7220c6c6a1/weights/mobile_sam.pt"
)
BIOIMAGE_IO = "https://uk1s3.embassy.ebi.ac.uk/public-datasets/bioimage.io"

# Bytes of the tensors and of what torch.save writes around them, about 350 a key.
_NETWORK_BYTES = {
    "vit_tiny": 40_561_032 + 439 * 350,
    "vit_b": 374_942_912 + 314 * 350,
    "vit_l": 1_249_372_352 + 482 * 350,
}
_BILINEAR_BYTES = 38_372_652 + 66 * 350
_TRANSPOSED_BYTES = 44_123_436 + 66 * 350
_PATCH_SCALE = 2
"""micro-sam's networks were trained on 512 pixels, enlarged to 1024: its smoothing is
in pixels of the image, ours in those of the network."""


def _sam(
    variant: str, file: str, size: int, sha256: str, description: str
) -> Checkpoint:
    """Return an official SAM; micro-sam keeps these files, too."""
    weights = WeightsFile(
        file=file, url=f"{META}/{file}", bytes=size, sha256=sha256, micro_sam=variant
    )
    return Checkpoint(
        name=f"sam_{variant}", weights=weights, variant=variant, description=description
    )


def _micro_sam(
    name: str,
    variant: str,
    folder: str,
    digests: tuple[str, str],
    tuning: Tuning,
    description: str,
) -> Checkpoint:
    """Return a model of micro-sam with its instance decoder.

    Those of "/1.2/" upsample bilinearly, those before by transposed convolutions.
    """
    network, decoder = digests
    remote = "vit_t" if variant == "vit_tiny" else variant
    url = f"{BIOIMAGE_IO}/{folder}/files/{remote}"
    is_bilinear = folder.endswith("/1.2")
    return Checkpoint(
        name=name,
        weights=WeightsFile(
            file=f"{name}.pt",
            url=f"{url}.pt",
            bytes=_NETWORK_BYTES[variant],
            xxh128=network,
            micro_sam=name,
        ),
        instance_decoder=WeightsFile(
            file=f"{name}_decoder.pt",
            url=f"{url}_decoder.pt",
            bytes=_BILINEAR_BYTES if is_bilinear else _TRANSPOSED_BYTES,
            xxh128=decoder,
            micro_sam=f"{name}_decoder",
        ),
        licence="CC-BY-4.0",
        variant=variant,
        description=description,
        tuning=tuning,
    )


def _preset(
    centre: float, boundary: float, sigma: float, iou: float, stability: float
) -> Tuning:
    """Return micro-sam's own settings of a model, for AIS and for the grid of clicks.

    For APG it has none but its defaults. The limits of predicted IoU and of stability
    become one of quality, see `Tuning.quality`.
    """
    quality = round(iou * sqrt(stability), 3)
    return Tuning(
        ais=InstanceTuning(
            centre=centre, boundary=boundary, sigma=_PATCH_SCALE * sigma
        ),
        quality=quality,
        candidate_quality=quality,
    )


SAM_FAMILY: tuple[Checkpoint, ...] = (
    Checkpoint(
        name="mobile_sam",
        weights=WeightsFile(
            file="mobile_sam.pt",
            url=MOBILE_SAM,
            bytes=40_728_226,
            sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
            micro_sam="vit_t",
        ),
        variant="vit_tiny",
        description="MobileSAM (TinyViT), without HQ",
    ),
    _sam(
        "vit_b",
        "sam_vit_b_01ec64.pth",
        375_042_383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        "SAM with ViT-B, without HQ",
    ),
    _sam(
        "vit_l",
        "sam_vit_l_0b3195.pth",
        1_249_524_607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        "SAM with ViT-L, without HQ",
    ),
    _sam(
        "vit_h",
        "sam_vit_h_4b8939.pth",
        2_564_550_879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        "SAM with ViT-H, without HQ",
    ),
    _micro_sam(
        "vit_t_lm",
        "vit_tiny",
        "faithful-chicken/1.1",
        ("72ec5074774761a6e5c05a08942f981e", "3e914a5f397b0312cdd36813031f8823"),
        _preset(0.5, 0.5, 2.0, 0.6, 0.65),
        "micro-sam: cells and nuclei in light microscopy (TinyViT)",
    ),
    _micro_sam(
        "vit_b_lm",
        "vit_b",
        "diplomatic-bug/1.2",
        ("fe9252a29f3f4ea53c15a06de471e186", "708b15ac620e235f90bb38612c4929ba"),
        _preset(0.4, 0.5, 2.0, 0.65, 0.7),
        "micro-sam: cells and nuclei in light microscopy (ViT-B)",
    ),
    _micro_sam(
        "vit_l_lm",
        "vit_l",
        "idealistic-rat/1.2",
        ("017f20677997d628426dec80a8018f9d", "2faeafa03819dfe03e7c46a44aaac64a"),
        _preset(0.4, 0.4, 1.6, 0.65, 0.73),
        "micro-sam: cells and nuclei in light microscopy (ViT-L)",
    ),
    _micro_sam(
        "vit_t_em_organelles",
        "vit_tiny",
        "greedy-whale/1",
        ("253474720c497cce605e57c9b1d18fd9", "8f897c7bb93174a4d1638827c4dd6f44"),
        _preset(0.4, 0.5, 1.2, 0.75, 0.75),
        "micro-sam: mitochondria and nuclei in electron microscopy (TinyViT)",
    ),
    _micro_sam(
        "vit_b_em_organelles",
        "vit_b",
        "noisy-ox/1.2",
        ("f3bf2ed83d691456bae2c3f9a05fb438", "bb6398956a6b0132c26b631c14f95ce2"),
        _preset(0.3, 0.4, 1.2, 0.75, 0.75),
        "micro-sam: mitochondria and nuclei in electron microscopy (ViT-B)",
    ),
    _micro_sam(
        "vit_l_em_organelles",
        "vit_l",
        "humorous-crab/1.2",
        ("810b084b6e51acdbf760a993d8619f2d", "334877640bfdaaabce533e3252a17294"),
        _preset(0.3, 0.4, 1.2, 0.8, 0.8),
        "micro-sam: mitochondria and nuclei in electron microscopy (ViT-L)",
    ),
)
