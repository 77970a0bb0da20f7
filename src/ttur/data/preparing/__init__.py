"""A data set on disk, whole or not at all."""
