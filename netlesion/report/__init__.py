"""What a reader sees: figures and self-contained pages."""
