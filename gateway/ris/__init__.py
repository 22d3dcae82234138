"""What a radiology information system does for a scanner: who is next, what was done, and who is told of the images."""
