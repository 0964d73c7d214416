"""The journal of a session: the file of JSON lines, and its records as objects."""
