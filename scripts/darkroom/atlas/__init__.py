"""Volumes of brain atlases: how sources are read, cut into chunks and read back."""
