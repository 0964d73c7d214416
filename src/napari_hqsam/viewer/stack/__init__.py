"""Objects followed through slices, and other tasks over many slices.

How a run goes:

1. The panel calls `StackController.start`, which makes the task that is chosen of
   `tasks.TASKS`: it looks at the prompts, and makes its frozen `StackPlan`.
2. The session is begun if there is none; the task takes what it knows (`begin`).
3. `PromptStash` takes the prompts off their slices, and `StackRun` starts a
   `StepLoop`.
4. Step by step the worker yields a `SliceResult` (`StackTask.results`), and the main
   thread puts its objects into the target (`ResultPlacer`) and shows the progress.
5. At the end, or when it is cancelled or fails, `StackController` puts prompts back
   that nothing came of, and says what was found.
"""
