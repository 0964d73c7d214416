"""What napari finds: the manifest, and samples that open."""

from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

import napari_hqsam
from napari_hqsam.labels.formats import label_suffixes

npe2 = pytest.importorskip("npe2")


def test_the_manifest_is_found_and_its_commands_exist():
    manifest = npe2.PluginManifest.from_distribution("napari-hqsam")
    assert manifest.name == "napari-hqsam"
    for command in manifest.contributions.commands:
        module, name = str(command.python_name).split(":")
        assert callable(getattr(__import__(module, fromlist=[name]), name))
    assert "napari-hqsam" in {e.name for e in entry_points(group="napari.manifest")}


def test_the_root_manifest_is_that_of_the_package():
    root = Path(__file__).parents[2]
    package = Path(napari_hqsam.__file__).parent
    assert (root / "napari.yaml").read_text() == (package / "napari.yaml").read_text()


def test_napari_offers_every_format_of_labels():
    manifest = npe2.PluginManifest.from_distribution("napari-hqsam")
    (writer,) = manifest.contributions.writers
    assert sorted(writer.filename_extensions) == sorted(label_suffixes())


def test_the_sample_opens_in_a_viewer(tmp_path):
    components = pytest.importorskip("napari.components")
    viewer = components.ViewerModel()
    npe2.PluginManager.instance().discover()  # as napari does when it starts
    manifest = npe2.PluginManifest.from_distribution("napari-hqsam")
    for sample in manifest.contributions.sample_data:
        viewer.open_sample("napari-hqsam", sample.key)
    layer = viewer.layers[0]
    assert layer.data.shape == (360, 360)
    assert layer.data.dtype == np.uint8
