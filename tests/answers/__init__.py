"""Answers on patients that can be counted by hand."""
