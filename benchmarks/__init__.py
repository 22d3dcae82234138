"""Phantoms, a scanner, the demo and the measurements: importable from the checkout, not shipped."""
