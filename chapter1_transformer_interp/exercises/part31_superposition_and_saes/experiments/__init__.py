"""Runs too long for a notebook: scripts whose results the repo ships as small files, for the notebooks to draw."""
