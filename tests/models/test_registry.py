from __future__ import annotations

import re
import subprocess
import sys

import pytest

from napari_hqsam.errors import ModelError
from napari_hqsam.models import find_checkpoint, list_models, verify


def test_the_official_checkpoints_and_the_bundled_one_load_by_name():
    assert [c.name for c in list_models()] == [
        "micro",
        "vit_tiny",
        "vit_b",
        "vit_l",
        "vit_h",
    ]


@pytest.mark.parametrize("checkpoint", list_models(), ids=lambda c: c.name)
def test_a_fetched_file_is_pinned_and_known_to_the_byte(checkpoint):
    if checkpoint.bundled:
        assert verify(checkpoint.name) is checkpoint
        return
    assert re.search(rf"/resolve/[0-9a-f]{{40}}/{checkpoint.file}$", checkpoint.url)
    assert re.fullmatch(r"[0-9a-f]{64}", checkpoint.sha256)
    assert checkpoint.bytes > 40_000_000


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ModelError, match=r"'vit_x'.*micro, vit_tiny, vit_b.*path"):
        find_checkpoint("vit_x")


def test_listing_models_needs_neither_torch_nor_the_network():
    code = (
        "import sys, napari_hqsam.models as m; m.list_models(); m.is_cached('vit_b');"
        "print([x for x in ('torch', 'pooch', 'requests') if x in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"
