"""Who somebody is: accounts and their proofs, sessions, links, and how fast one may guess."""
