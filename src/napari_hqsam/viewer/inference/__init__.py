"""From prompts to masks: requests, the worker, and what is encoded ahead."""
