"""The napari side: layers in, outlines on the canvas, labels out.

The only room that may import napari or Qt, and the only one that knows world
coordinates. State in models without GUI (`state`), views that show it
(`sections`), controllers that connect them (`controller`, `objects`,
`labelling`), one thread that computes (`worker`, `engine`). `widget` puts them
together; importing it imports no torch.
"""
