"""Control: places that several images show, and the pointing of their cameras made one by them."""
