"""The napari side: layers in, outlines on the canvas, labels out.

The only room that may import napari or Qt, and the only one that knows world
coordinates. Importing it imports no torch.

Folders, each importing those below it only (a contract in pyproject.toml holds that):

- `widget` puts everything together; `contributions` is what the manifest names.
- `sections` are the sections of the panel, made of `parts`.
- `stack` runs tasks over slices; `saving` writes labels and restores sessions.
- `objects` accepts objects into the labels, undoes that, and acts on accepted ones.
- `session` holds the labels that are worked on, and their journal.
- `inference` asks for masks, and runs the worker that makes them.
- `canvas` is the image, the layers of prompts and labels, and the mouse.
- `files` names and reads journals and label files.
- `state` is what the user has chosen, and the current object; `tools` the table of
  tools; `planes` which plane is shown; `main_thread` where results are delivered.

The way of one click, from the mouse to the painted outline:

1. napari adds a point to the layer; `canvas.prompts.prompt_set` gives it the sign and
   colour of the click, and emits `changed`.
2. `inference.controller` waits until this event is over, then collects what lies on
   the plane (`predict`).
3. `inference.request_builder` takes a frozen snapshot: image, model, plane, prompt,
   level.
4. `inference.click_history` ties it to the answers that the new click corrects, so
   that their logits go with it.
5. `worker` runs it before anything less urgent; a newer click cancels it.
6. `inference.engine`, on the worker's thread, answers: `Segmenter.segment`.
7. `main_thread` delivers the answer; `inference.controller` drops it if it is stale,
   else keeps the masks as the current object.
8. `inference.outline_view` finishes the mask as chosen; `canvas.outline` draws it.

What becomes of the object then: `objects.acceptor` puts it into the labels,
`objects.undo` takes that back, and both are written to the journal first.
"""
