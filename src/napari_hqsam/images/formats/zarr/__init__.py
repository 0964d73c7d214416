"""Zarr and OME-Zarr, from a folder or an address."""
