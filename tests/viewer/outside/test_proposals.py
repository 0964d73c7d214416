"""Proposals as a person uses them: look, choose some, accept the rest, undo."""

import re

from tests.viewer.outside.program import PANEL

NUCLEUS, OTHER = (211, 205), (295, 145)
LABELS, PROPOSALS = "nuclei labels", "HQ-SAM proposals"


def shown(napari):
    """How many proposals the panel says are shown."""
    texts = [
        re.match(r"\d+(?= of \d+ proposals shown)", t) for t in napari.panel_texts()
    ]
    return max((int(found[0]) for found in texts if found), default=0)


def test_proposals_of_the_sample(start):
    napari = start("-w", "napari-hqsam")
    napari.open_sample("Cells")
    napari.wait(lambda: napari.tool() == "Click", "the point tool")
    napari.press("propose first")
    napari.press("Find all objects")
    napari.wait(lambda: napari.layer(PROPOSALS), "proposals", seconds=120)
    done = "Find all objects"
    napari.wait(lambda: napari.widgets(done, inside=PANEL), "the end", seconds=120)
    napari.wait(lambda: shown(napari) > 10, "more than ten of them")
    count = shown(napari)
    assert not napari.labels(LABELS)

    napari.press("Box")
    napari.press("Click", kind="QPushButton")
    napari.wait(lambda: napari.state["active"] == PROPOSALS, "the tool")
    napari.click_at("nuclei", *NUCLEUS)
    napari.wait(lambda: len(napari.labels(LABELS)) == 1, "one accepted")
    assert napari.ask("label_at", LABELS, NUCLEUS) == 1
    napari.click_at("nuclei", *OTHER, hold=("shift",))
    napari.wait(lambda: napari.says("1 rejected"), "one rejected")
    napari.key("shift+j")
    napari.wait(lambda: len(napari.labels(LABELS)) == count - 1, "the rest accepted")
    napari.wait(lambda: not napari.layer(PROPOSALS), "no proposals")
    assert napari.ask("label_at", LABELS, OTHER) == 0
    assert napari.tool() == "Click"  # prompts again

    napari.key("u")
    napari.wait(lambda: len(napari.labels(LABELS)) == 1, "these undone")
    napari.wait(lambda: napari.layer(PROPOSALS), "proposed again")
    assert shown(napari) == count - 2
