"""A Labels layer as the target of a session."""
