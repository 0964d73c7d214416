"""Runs of a job over many images: one task per image, on any executor.

Design. The images are enumerated lazily (`inputs`); each is one task with a key, its
path below the inputs. A task calls what the command of its action calls (`auto_file`,
`batch_file`, `segment_file`, ...), in a process that loads the model once (`work`), and
its labels appear at their name only when they are complete. The process that runs the
job holds a lock and writes one line per task to a ledger (`storage`): its key, the size
and time of its input, and what came of it. A run does the tasks that have no such line,
or whose input has changed since, or whose labels are missing. So a run may be
interrupted anywhere, the order of tasks and the number of workers change nothing, and
an image that cannot be read costs no other image anything.
"""
