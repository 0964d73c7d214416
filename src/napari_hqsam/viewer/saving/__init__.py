"""Save labels, and restore earlier sessions."""
