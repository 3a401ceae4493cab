"""What archives want to know of a granule, in their formats."""
