"""Speed, measured by hand and never by pytest: `python -m benchmarks.training`, `python -m benchmarks.notebooks`."""
