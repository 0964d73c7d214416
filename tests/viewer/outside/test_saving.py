"""Save, go on, be killed, come back: what was done is offered and restored."""

import shutil

from napari_hqsam.sample import NUCLEI

CELLS = (88, 63), (50, 122), (177, 168)
"""Nuclei of the sample, (y, x)."""


def accept(napari, layer, cell, count):
    """Click on a cell and accept its outline, which makes so many."""
    napari.click_at(layer, *cell)
    napari.wait_for_outline(*cell)
    napari.key("n")
    napari.wait(
        lambda: (
            f"{layer} labels" in napari.names()
            and len(napari.labels(f"{layer} labels")) == count
        ),
        "the accepted object",
    )


def begin(napari, layer):
    napari.wait(lambda: napari.layer(layer), layer)
    napari.wait(lambda: napari.tool() == "Click", "the tool")
    napari.take("Box")  # whatever the mouse did, it does this now
    napari.take("Click")


def entries(napari):
    """The unsaved sessions that the panel lists, as far as they can be read."""
    found = napari.widgets(name="unsaved-sessions")
    return found[0]["parts"] if found else []


def test_what_came_after_a_save_survives_a_kill(start, home):
    napari = start("-w", "napari-hqsam")
    napari.open_sample("Cells")
    begin(napari, "nuclei")
    accept(napari, "nuclei", CELLS[0], 1)
    napari.press("Save")
    field = napari.wait(lambda: napari.widgets(name="fileNameEdit"), "the dialog")[0]
    assert field["text"].endswith("nuclei-labels.ome.tif")
    napari.key("Return")
    saved = home / "nuclei-labels.ome.tif"
    napari.wait(lambda: napari.says(f"Saved {saved}"), "the labels to be saved")
    assert saved.is_file()
    accept(napari, "nuclei", CELLS[1], 2)
    before = napari.labels("nuclei labels")
    assert len(before) == 2
    assert any("1 change not saved" in text for text in napari.panel_texts())
    napari.kill()

    napari = start("-w", "napari-hqsam")  # without the image
    (entry,) = napari.wait(lambda: entries(napari), "the session to be offered")
    assert "nuclei: 2 objects" in entry["text"]
    assert "1 change not in\nnuclei-labels.ome.tif" in entry["text"]
    napari.press("Restore")
    napari.wait(lambda: "nuclei labels" in napari.names(), "the labels")
    napari.wait(lambda: napari.labels("nuclei labels") == before, "the objects")
    assert "nuclei" in napari.names()
    begin(napari, "nuclei")
    low, high = (before[2]["box"][0], before[2]["box"][1])
    cell = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    napari.move_to("nuclei", *cell)
    napari.key("j")  # opens it again, with the same outline
    at = napari.wait_for_outline(*cell)
    assert [round(v + 0.5) for v in at[0]] == low
    assert [round(v - 0.5) for v in at[1]] == high


def test_of_two_sessions_the_chosen_one_is_restored(start, home):
    for name in ("one", "two"):
        (home / name).mkdir(parents=True)
        shutil.copy(NUCLEI, home / name / "cells.png")
    napari = start(home / "one" / "cells.png", "-w", "napari-hqsam")
    begin(napari, "cells")
    accept(napari, "cells", CELLS[0], 1)
    first = napari.labels("cells labels")
    napari.drop(home / "two" / "cells.png")
    napari.wait(lambda: napari.says("Image: cells [1]"), "the second image")
    begin(napari, "cells [1]")
    for count, cell in enumerate(CELLS[1:], 1):
        accept(napari, "cells [1]", cell, count)
    napari.kill()

    napari = start("-w", "napari-hqsam")
    found = napari.wait(lambda: entries(napari), "the sessions to be offered")
    assert [e["text"].split("\n")[0] for e in found] == [
        "cells [1]: 2 objects",
        "cells: 1 object",
    ]
    napari.click_on(found[1])
    napari.press("Restore")
    napari.wait(lambda: "cells labels" in napari.names(), "the labels")
    napari.wait(lambda: napari.labels("cells labels") == first, "the objects")
    assert napari.layer("cells")["path"] == str(home / "one" / "cells.png")
    (left,) = napari.wait(lambda: entries(napari), "the other one to stay")
    assert left["text"].startswith("cells [1]: 2 objects")
