"""Proofs of what must never happen: a script of a stranger runs, a person's name leaves the house, a page shuts somebody out."""
