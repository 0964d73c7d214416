"""What is on the canvas: the image, the layers of prompts and labels, and the mouse."""
