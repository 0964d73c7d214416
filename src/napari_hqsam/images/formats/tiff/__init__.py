"""TIFF in all its dialects, through tifffile."""
