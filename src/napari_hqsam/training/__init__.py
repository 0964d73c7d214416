"""How the bundled model is trained, from labelled images to weights.

This room imports only torch, numpy, scipy, scikit-image, tifffile, safetensors
and tqdm besides `napari_hqsam.network` and `napari_hqsam.datasets`, so that it
runs on any machine that has torch. ``python -m napari_hqsam.training --help``.
"""
