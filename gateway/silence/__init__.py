"""Watches for silence: scanners, clocks, channels and the whole way of a study, and tells the IT people."""
