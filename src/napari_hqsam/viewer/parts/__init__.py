"""Parts that the sections of the panel are put together from."""
