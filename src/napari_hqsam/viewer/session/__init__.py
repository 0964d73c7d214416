"""The labels that are worked on, and what is done with their objects."""
