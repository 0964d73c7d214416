"""One image of any size, segmented block by block on an executor, and stitched.

Design. The plane is divided into *cells*: what 4 x 4 tiles of the grid own (`cells`).
Results are defined per cell, so that neither the number of workers, nor the order in
which they finish, nor the number of cells in a block (the work of one task) changes a
label. Stages, each idempotent, whose tasks are lines of a ledger:

segment
    The objects whose prompts lie in a cell, each whole, as far beyond the cell as it
    reaches; one file per cell (`cell_files`).
match
    The objects of two cells that overlap are the same if each is the other's best match
    by IoU, or lies in it (`matching`); one file per block.
relabel
    For each plane, in the process that runs the job: connected components of the
    matches are the objects; of two that overlap like duplicates the better stays; a
    pixel of several belongs to the best (`resolving`). Through a stack, objects are
    linked by their pixels in common, counted unit by unit, as `masks.linking` does.
write
    A unit is a square of whole chunks with one owner, rendered from the cells around it
    (`rendering`) with dense ids, and written by plain assignment.

Labels, ledger and lock are those of a batch (`batches.storage`): the labels appear at
their name only when they are complete.
"""
