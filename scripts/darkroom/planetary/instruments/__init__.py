"""Cameras: each file (or folder) with a CAMERA is one, and says all there is to say of it; the others help them."""
