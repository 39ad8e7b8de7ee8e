"""Figures, tables and one HTML page from run folders. Reads folders only; imports nothing that trains."""
