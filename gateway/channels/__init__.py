"""How a notice leaves the house: one sender for each kind of channel, all behind `gateway.channels.sending`."""
