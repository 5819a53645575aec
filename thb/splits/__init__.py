"""Which clip a fit learns from and is tested on, and what training and test share."""
