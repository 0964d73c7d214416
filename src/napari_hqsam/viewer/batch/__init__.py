"""Jobs on image files, described by the settings, and run in a process of their own.

The viewer only starts the process and shows its progress, so nothing here takes time on
the main thread. Knows jobs by their description; must not know how they are run.
"""
