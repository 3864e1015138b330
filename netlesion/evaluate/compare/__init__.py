"""Two evaluations of the same cases, compared patient by patient."""
