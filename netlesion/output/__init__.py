"""How results are written: whole or not at all, with their provenance, as tables and pages."""
