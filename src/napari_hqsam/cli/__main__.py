"""``python -m napari_hqsam.cli``."""

from napari_hqsam.cli import main

main()
