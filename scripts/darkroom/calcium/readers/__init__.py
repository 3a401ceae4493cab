"""One reader for each format of recordings; each fills the models of `movie` and `signals`."""
