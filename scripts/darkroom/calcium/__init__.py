"""Calcium imaging: recordings of a miniature microscope to registered movies, cells, their traces and events."""
