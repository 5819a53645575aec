"""How a rendered fake comes about: faults, fingerprints, and the generators that use them."""
