"""The version of Darkroom, which products and records tell, and when it came out."""

VERSION = "0.1.0"
RELEASED = "2026-11-20"
