"""Alerts to the stroke team: what they say (`message`, `news`), who is called when (`plan`, `standing`) and how (`calling`)."""
