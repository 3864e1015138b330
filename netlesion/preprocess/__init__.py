"""From a visit's images to the network's input: one grid, normalised channels, the box of the body."""
