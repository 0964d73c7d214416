"""The canvas: the image, the layers of prompts, outline and labels, and the mouse."""
