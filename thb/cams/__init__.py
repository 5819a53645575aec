"""Where a network looks: heat maps, and how much of them lies where."""
