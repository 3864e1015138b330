"""How a network becomes the callable that `sliding` runs, one file per engine."""
