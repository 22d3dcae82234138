"""Runs of the workflows as those see them who look after the engine: what is dead or stuck, and what to do about it."""
