"""Who does the work of a stage: our own code, or the programs of USGS ISIS."""
