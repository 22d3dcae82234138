"""Ways into viewers: links, and the one that is hosted here."""
