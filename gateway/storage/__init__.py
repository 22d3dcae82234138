"""Looking after the bytes of received objects: on which disk, for how long, whether they are still the same."""
