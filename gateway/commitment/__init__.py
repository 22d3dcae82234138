"""Storage commitment: a scanner asks whether it may delete its images, and is told only what was read again just now.

`requests` makes a request durable in the listener and reports on the same association while it stays open;
`verdicts` looks at the objects and `reporting` calls the peer, both in the worker, for as long as it takes.
"""
