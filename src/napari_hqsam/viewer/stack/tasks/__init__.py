"""Tasks on slices: one class, one file, and one line in `table` each."""
