"""Everything on the way in: DIMSE services, the durable spool, DICOM bytes to arrays."""
