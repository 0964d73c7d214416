"""Which image is worked on, and what is kept of the others."""
