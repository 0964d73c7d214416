"""Files beside those of `labels` that jobs check, read and write."""
