"""The window opens as the README says."""

from program import PANEL


def test_the_window_opens_with_the_panel(start):
    napari = start("-w", "napari-hqsam")
    assert napari.widget(kind=PANEL)["seen"][2] > 250
    assert len(napari.tools()) == 7
    napari.open_sample("Cells")
    napari.wait(lambda: napari.layer("nuclei"), "the sample")
    napari.click_at("nuclei", 100, 100)
    assert napari.state["active"] is not None
