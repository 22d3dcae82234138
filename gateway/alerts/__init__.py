"""Alerts to the stroke team: what they say (`message`) and how they leave (`channels`)."""
