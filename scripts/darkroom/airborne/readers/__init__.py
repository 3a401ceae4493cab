"""One reader for each format of granules; each fills the model of `granule`."""
