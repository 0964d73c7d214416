"""Click to segment large and 3D microscopy images with HQ-SAM."""

__version__ = "0.1.0"
