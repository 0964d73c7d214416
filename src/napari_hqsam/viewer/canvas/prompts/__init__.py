"""The prompts of the user: points and shapes, their signs, and how they are read."""
