"""Raw input that the demo and the tests run on, made from a seed: one generator for each pipeline."""
