"""The verbs of the protocol: each takes the desk first, may be repeated, and ends in a named state."""
