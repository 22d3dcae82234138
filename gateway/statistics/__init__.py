"""Figures of a month for the health department, and a row a case for a stroke registry: nobody is named in either."""
