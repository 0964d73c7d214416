"""Propagation through slices, and other tasks over many slices.

The steps of one run:

1. The panel calls `StackController.start`, which makes the chosen task of
   `tasks.TASKS`: the task reads the prompts and makes its frozen `StackPlan`.
2. The session is begun if there is none; the task reads what it needs of it (`begin`).
3. `PromptStash` removes the prompts from their slices, and `StackRun` starts a
   `StepLoop`.
4. Step by step the worker yields a `SliceResult` (`StackTask.results`), and the main
   thread puts its objects into the target (`ResultPlacer`) and shows the progress.
5. At the end, or when it is cancelled or fails, `StackController` restores the prompts
   that gave no object, and reports what was found.
"""
