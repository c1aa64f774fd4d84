"""Measures what policies make of stories that they have not seen."""
