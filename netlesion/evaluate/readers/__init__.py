"""Several predictions or readers against one reference, and how well they agree."""
