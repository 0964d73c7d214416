"""Names of the outputs of HQ-SAM."""

from typing import Literal, get_args

Output = Literal["sam", "sam+hq", "hq"]
"""SAM's mask, SAM's plus the HQ logits (as in the paper), or the HQ mask alone."""

OUTPUTS: tuple[Output, ...] = get_args(Output)
