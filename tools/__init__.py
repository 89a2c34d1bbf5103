"""Tools that know notebooks and nothing of superposition: build, run, figures, claims, lab."""
