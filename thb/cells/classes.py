"""The paper's five classes of performance (its section 4.1): name -> the rate at which it begins, best first."""

CLASSES = {"Excellent": 0.99, "Good": 0.95, "Reasonable": 0.85, "Fair": 0.75, "Poor": 0.0}
