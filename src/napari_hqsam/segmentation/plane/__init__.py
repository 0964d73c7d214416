"""Segment prompted objects on one plane: choose tiles, decode, grow, refine.

Must not know stacks, nor automatic segmentation.
"""
