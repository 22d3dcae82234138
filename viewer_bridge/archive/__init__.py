"""Orthanc: what is stored there, and one of our own where a site has none."""
