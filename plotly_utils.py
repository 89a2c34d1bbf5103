"""Tensors to plotly figures."""
