"""Readers: each turns files of one format into the models of `movie` and `signals`; nothing is read before it is asked for."""
