"""Which clips are here, and what they allow."""
