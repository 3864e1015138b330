"""Measuring lesions on the native SUV image."""
