"""One step of training, written for each library as its users write it."""
