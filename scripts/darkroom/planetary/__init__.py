"""Images of spacecraft cameras: recipes, and what is made of an image or a mosaic."""
