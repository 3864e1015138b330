"""All cases of a prediction: scored, summarised with intervals, written as tables."""
