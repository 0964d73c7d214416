"""From prompts to masks on one plane: on which tiles, decoded, grown, refined.

Must not know stacks, nor how objects are found without prompts.
"""
