"""The test clips encoded again as platforms and phones leave them, and what each detector then makes of them."""
