"""Campaigns: what a recipient costs, beside the obvious way to write it."""
