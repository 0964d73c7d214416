"""The journal of a session: its lines in a file, and what they say as objects."""
