"""The hot core: plan windows on integers, run them through a callable, bring the logits back.

Knows nothing about SUV, files, networks or training; a network is any callable from windows to logits.
"""
