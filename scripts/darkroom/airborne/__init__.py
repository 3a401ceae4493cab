"""Granules of field campaigns: how they are read, written as CF netCDF, described and judged."""
