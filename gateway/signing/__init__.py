"""The report's signatures: the gateway's seal, the physician's sign-off, and whether a file is what was signed."""
