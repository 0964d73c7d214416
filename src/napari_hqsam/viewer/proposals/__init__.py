"""Proposals: masks that were found and are not objects yet, to accept or reject.

They are no part of the labels. The way of one proposal:

1. A search of `stack.tasks` finds a mask; `ProposalController.add` puts it into the
   `ProposalSet` of its plane, and `canvas.proposal_layer` draws its outline.
2. The quality below which none is shown (`ProposalState.least`) is the contrast limit
   of that layer: to change it draws nothing anew.
3. A gesture (`gestures`) or a button accepts or rejects some. `AcceptLoop` writes those
   that were accepted to the session, all of them one step of undo.
4. What is accepted is recognised by the labels: a proposal that they cover is not
   shown, and is shown again when undo frees its pixels.
"""
