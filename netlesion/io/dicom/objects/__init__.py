"""Lesions of a patient's own series as the objects that a PACS, a planning system and a viewer take."""
