"""Figures of a comparison: their content as panels of lines, and how these are drawn."""
