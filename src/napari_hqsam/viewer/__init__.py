"""The napari side: layers in, outlines on the canvas, labels out.

The only room that may import napari or Qt, and the only one that knows world
coordinates. Importing it imports no torch.

Folders, each importing only those below it (checked by a contract in pyproject.toml):

- `widget` creates and connects everything; `contributions` is what the manifest names.
- `sections` are the sections of the panel, made of `parts`.
- `stack` runs tasks over slices; `saving` writes labels and restores sessions.
- `proposals` are masks that a search found, to be accepted or rejected.
- `objects` accepts objects, undoes that, and acts on accepted ones; `images` chooses
  the image in use, and keeps the prompts of the others.
- `session` has the labels that are worked on, their target, journal and table.
- `inference` snapshots requests (`inference.requests`), and runs the engine that
  answers them on the worker.
- `canvas` is the image, the layers of prompts, outline and labels, and the mouse.
- `batch` runs a job on files in a process of its own, with progress.
- `files` names and reads journals and label files.
- `state` has the settings and the current object; `widget_options` how settings are
  shown, `preferences` what they are at the start; `tools` is the table of tools,
  `planes` the plane shown; `main_thread` delivers results.

The way of one click, from the mouse to the painted outline:

1. napari adds a point to the layer; `canvas.prompts.prompt_set` gives it the sign and
   colour of the click, and emits `changed`.
2. `inference.controller` waits until this event is handled, then reads the prompts on
   the plane (`predict`).
3. `inference.requests.builder` takes a frozen snapshot: image, model, plane, prompt,
   options.
4. `inference.requests.click_history` links it to the requests that the click corrects,
   so that the logits of their masks become its input.
5. `worker` runs it before anything less urgent; a newer click cancels it, so that the
   answer of one that runs already is dropped.
6. `inference.engine` answers it on the worker's thread: `Segmenter.segment`.
7. `main_thread` delivers the answer; `inference.controller` makes its masks those of
   the current object.
8. `inference.outline_view` finishes the mask as the settings say, and
   `canvas.outline_layer` draws it.

Then `objects.acceptor` accepts the object into the labels, under the id that
`sessions.new_ids` gives; `objects.undo` takes that back; the session writes both to the
journal first.
"""
