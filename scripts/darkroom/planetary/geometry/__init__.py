"""Where a camera stood and what it saw: ISDs, projections, resampling, mosaics, photometry."""
