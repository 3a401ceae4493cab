"""Darkroom's library: what every room stands on, and a room for each field. It knows nothing of Snakemake."""
