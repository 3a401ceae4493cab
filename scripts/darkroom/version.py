"""The version of Darkroom, as manifests and metadata tell it."""

VERSION = "0.1.0"
