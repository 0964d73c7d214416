"""Find all objects that are like a few examples.

The examples choose the level, the sizes and the prompts: points where the embedding is
similar to theirs, and, where the model has an instance decoder, its points. What
`automatic` makes of these prompts is ranked by similarity to the examples.
Must not know label files or napari.
"""

from napari_hqsam.segmentation.exemplars.examples import Example
from napari_hqsam.segmentation.exemplars.similar import Match, iter_similar

__all__ = ["Example", "Match", "iter_similar"]
