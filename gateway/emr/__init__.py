"""Results for medical records.

A case's result becomes a `Letter` in the queue of every destination (`gateway.ledger.letters`). The destination's `courier`
has each put together (`composing`) when its turn comes, notes for whom it is (`writing`), has it written in the destination's
format (`oru`, `mdm`, `bundle`, `event`; all by the one `mapping`) and hands it over (`outlets`). When the patient turns out to
be another one, the report is first withdrawn from the record where it lies (`filing`).
"""
