"""Figures and tables from run folders, and pictures at a run's end; imports nothing that trains."""
