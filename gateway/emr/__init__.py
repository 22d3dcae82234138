"""Results for the medical record.

`oru` writes an HL7 v2 report of what `observations` lists, in the text that `encoding` defines; `mllp` delivers it.
"""
