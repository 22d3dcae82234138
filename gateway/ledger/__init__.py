"""The one home of mutable state: arrivals, associations, cases, deliveries.

Processes share it and nothing else. Whatever must survive is here or in the spool before anybody is told.
"""
