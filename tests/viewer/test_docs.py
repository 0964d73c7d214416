"""README and docs name what the widget shows, in words that users know."""

import re
from pathlib import Path

import pytest
from qtpy.QtWidgets import QPushButton

from napari_hqsam.viewer.canvas.proposal_layer import PROPOSALS

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
FOR_DEVELOPERS = {
    "architecture",
    "contributing",
    "measurements",
    "evaluation",
    "speed",
    "micro",
}
FOR_USERS = [ROOT / "README.md", *(d for d in DOCS if d.stem not in FOR_DEVELOPERS)]
UNKNOWN = (
    "matrix units",
    r"\brooms?\b",
    "in the hand",
    "likelier",
    r"\bsights?\b",
    "shelf",
    r"\bROC\b",
    "benchmarks/",
)


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    missing = [d.name for d in DOCS if f": {d.name}" not in navigation]
    assert not missing


@pytest.mark.parametrize("page", FOR_USERS, ids=lambda page: page.name)
def test_words_and_figures_of_developers_are_not_on_pages_for_users(page):
    text = page.read_text()
    found = [word for word in UNKNOWN if re.search(word, text)]
    assert not found
    assert not re.search(r"^#+ (Measured|Figures)$", text, re.MULTILINE)


def test_the_widget_is_described_as_it_is(hand):
    text = (ROOT / "docs/viewer.md").read_text().lower()
    sections = hand.widget.sections
    for box in (sections["prompts"].scale, hand.widget.stack_section.task):
        for i in range(len(box)):
            assert box.native.itemText(i) in text
    for name in ("image", "model", "prompts", "object", "stack", "batch", "labels"):
        assert f"## {name}" in text
    assert "find all objects" in text
    model = sections["model"].model.native
    readme = (ROOT / "README.md").read_text()
    sizes = dict(re.findall(r"`(micro|vit_tiny)` \| (\d+ MB)", readme))
    for name, size in sizes.items():
        shown = model.itemText(model.findData(name))
        assert f"({size}" in shown
    assert len(sizes) == 2


def test_the_page_on_proposals_names_what_is_there(hand):
    text = (ROOT / "docs/proposals.md").read_text()
    review, find_all = hand.widget.review, hand.widget.find_all
    assert find_all.propose.text in text
    shown = [made.text() for made in review.findChildren(QPushButton)]
    for words in shown:
        name, _, key = words.partition(" (")
        assert name in text
        assert key.rstrip(")") in text
    assert len(shown) == 5
    assert f"*{PROPOSALS}*" in text
