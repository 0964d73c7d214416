"""Tools that draw one prompt with one mode of a layer."""

from napari_hqsam.viewer.tools.tool import Tool

CLICK = Tool(
    "point",
    "Click",
    "Click on the object; with Shift beside it, on what is not",
    "Click on an object in the image",
    "points",
    "add",
)
BOX = Tool(
    "box",
    "Box",
    "Drag a box round the object",
    "Drag a box round an object",
    "shapes",
    "add_rectangle",
)
SCRIBBLE = Tool(
    "scribble",
    "Scribble",
    "Draw along the object; with Shift where it is not",
    "Draw along an object",
    "shapes",
    "add_path",
)
OUTLINE = Tool(
    "outline",
    "Outline",
    "Draw roughly round the object",
    "Draw round an object",
    "shapes",
    "add_polygon_lasso",
)
POLYGON = Tool(
    "polygon",
    "Polygon",
    "Click the corners of an outline; double-click ends it",
    "Click the corners of an outline round an object; double-click ends it",
    "shapes",
    "add_polygon",
)
ELLIPSE = Tool(
    "ellipse",
    "Ellipse",
    "Drag an ellipse over the object",
    "Drag an ellipse over an object",
    "shapes",
    "add_ellipse",
)
