"""Results for medical records.

A case's result becomes a `Letter` in the queue of every destination (`gateway.ledger.letters`). The destination's `courier`
has each put together (`composing`) when its turn comes, written in the destination's format (`oru`, `mdm`, `bundle`, `event`;
all by the one `mapping`) and handed over (`outlets`).
"""
