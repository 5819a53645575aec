"""Somebody's judgement of clips: which to keep, which to remove and why, and how far two judges agree."""
