"""Everything on the way out to viewers: result objects, Orthanc, links, the hosted viewer."""
