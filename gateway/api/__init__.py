"""The HTTP side: REST, live events, metrics, and the archive and viewer behind one origin."""
