"""Signs of prompts: positive or negative, their colours and symbols on the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.viewer.canvas.outline_layer import are_coloured

if TYPE_CHECKING:
    from napari.layers import Points, Shapes

SIGN = "sign"
"""Column of the layers' features."""
POSITIVE, NEGATIVE = "positive", "negative"
# Okabe and Ito's palette: told apart by the colour-blind; the symbols help too.
# Neither is like the blue that napari draws round what is selected.
COLOURS = {POSITIVE: "#009e73", NEGATIVE: "#d55e00"}
SYMBOLS = {POSITIVE: "disc", NEGATIVE: "x"}


def are_positive(layer: Points | Shapes) -> list[bool]:
    """Whether each point or shape is positive; without a sign it is."""
    if SIGN not in layer.features:
        return [True] * len(layer.data)
    return [sign != NEGATIVE for sign in layer.features[SIGN]]


def colour_points(points: Points) -> None:
    """Give points the colour and symbol of their signs.

    Only where they lack it: each change makes napari draw the layer anew.
    """
    if not len(points.data):
        return
    signs = [str(sign) for sign in points.features[SIGN]]
    symbols = [SYMBOLS[sign] for sign in signs]
    if [str(symbol) for symbol in points.symbol] != symbols:
        points.symbol = symbols
    colours = [COLOURS[sign] for sign in signs]
    if not are_coloured(points.face_color, colours):
        points.face_color = points.border_color = colours


def colour_shapes(shapes: Shapes) -> None:
    """Give shapes the colour of their signs, as `colour_points`."""
    if not len(shapes.data):
        return
    colours = [COLOURS[str(sign)] for sign in shapes.features[SIGN]]
    if not are_coloured(shapes.edge_color, colours):
        shapes.edge_color = colours
