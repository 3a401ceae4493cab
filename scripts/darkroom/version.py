"""The version of Darkroom, which products and records tell."""

VERSION = "0.1.0"
