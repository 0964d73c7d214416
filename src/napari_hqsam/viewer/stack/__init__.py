"""Objects followed through slices, and work over many slices."""
