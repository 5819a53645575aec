"""Somebody's own videos."""
