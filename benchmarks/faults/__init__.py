"""What happens when things go wrong on the way in: kills, power cuts, bad disks, hostile peers and hostile content.

Everything here looks at the front door from outside: its command line, its port, the ledger's table `arrivals` and the
files of the spool. ``python -m benchmarks.faults`` runs all of it and prints one table.
"""
