"""Query and retrieve for modalities and workstations, answered from the archive behind the gateway."""
