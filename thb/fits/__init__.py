"""Weights and scores: training, scoring, and taking over weights of others."""
