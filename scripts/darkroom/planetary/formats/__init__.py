"""Files of planetary archives and of those who use them: PVL, PDS3, PDS4, ISIS cubes, GeoTIFF, STAC."""
