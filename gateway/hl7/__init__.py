"""HL7 version 2: the language alone, without state."""
