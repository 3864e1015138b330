"""Laying one image of a patient over another: masks, metric, rigid and deformable registration, and its quality."""
