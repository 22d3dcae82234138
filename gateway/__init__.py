"""Composition, state, clock, HTTP, alerts, EMR: the only folder that sees every edge."""
