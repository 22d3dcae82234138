"""A hospital around the gateway: messages as its systems write them, a sender, and a world whose truth is known."""
