"""How well entities are found, and what it costs: our extractor, spaCy's and DIET."""
