"""Running notebooks, and building the book from them."""
