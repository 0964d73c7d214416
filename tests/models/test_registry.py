from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from napari_hqsam.errors import ModelError
from napari_hqsam.models import Tuning, find_checkpoint, list_models, verify

HERE = Path(__file__).parents[2]
MICRO_SAM = [c for c in list_models() if c.name.endswith(("_lm", "_em_organelles"))]


def test_hq_sam_sam_and_micro_sams_generalists_load_by_name():
    assert [c.name for c in list_models()] == [
        *("micro", "vit_tiny", "vit_b", "vit_l", "vit_h"),
        *("mobile_sam", "sam_vit_b", "sam_vit_l", "sam_vit_h"),
        *("vit_t_lm", "vit_b_lm", "vit_l_lm"),
        *("vit_t_em_organelles", "vit_b_em_organelles", "vit_l_em_organelles"),
    ]


@pytest.mark.parametrize("checkpoint", list_models(), ids=lambda c: c.name)
def test_a_fetched_file_is_known_to_the_byte(checkpoint):
    assert checkpoint.licence in ("Apache-2.0", "CC-BY-4.0")
    if checkpoint.bundled:
        assert verify(checkpoint.name) is checkpoint
        return
    assert checkpoint.bytes > 40_000_000
    for file in checkpoint.files:
        assert file.url.startswith("https://")
        known = r"sha256:[0-9a-f]{64}|xxh128:[0-9a-f]{32}"
        assert re.fullmatch(known, file.known_hash)
    if "huggingface" in checkpoint.weights.url:
        pinned = rf"/resolve/[0-9a-f]{{40}}/{checkpoint.weights.file}$"
        assert re.search(pinned, checkpoint.weights.url)


def test_no_two_models_share_a_file_or_a_digest():
    files = [file for c in list_models() for file in c.files]
    for each in (
        [file.file for file in files],
        [file.sha256 for file in files if file.sha256],
        [file.xxh128 for file in files if file.xxh128],
        [file.url for file in files if file.url],
    ):
        assert len(each) == len(set(each))


def test_models_of_micro_sam_have_their_decoders_and_settings():
    assert len(MICRO_SAM) == 6
    for checkpoint in MICRO_SAM:
        assert checkpoint.licence == "CC-BY-4.0"
        assert checkpoint.instance_decoder is not None
        assert checkpoint.tuning.ais != Tuning().ais or checkpoint.name == "vit_l_lm"
        assert checkpoint.tuning.quality < Tuning().quality
    ais = find_checkpoint("vit_b_em_organelles").tuning.ais
    assert (ais.centre, ais.boundary, ais.sigma) == (0.3, 0.4, 2.4)


def test_the_docs_list_every_model_with_licence_and_digests():
    text = (HERE / "docs" / "models.md").read_text()
    for checkpoint in list_models():
        assert f"| `{checkpoint.name}` |" in text
        for file in checkpoint.files:
            assert file.file in text
            assert file.bundled or (file.sha256 or file.xxh128) in text


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ModelError, match=r"'vit_x'.*micro, vit_tiny, vit_b.*path"):
        find_checkpoint("vit_x")


def test_listing_models_needs_neither_torch_nor_the_network():
    code = (
        "import sys, napari_hqsam.models as m; m.list_models(); m.is_cached('vit_b');"
        "m.is_cached('vit_b_lm'); heavy = ('torch', 'pooch', 'requests', 'xxhash');"
        "print([x for x in heavy if x in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"
