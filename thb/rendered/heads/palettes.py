"""Colours and kinds that people and rooms are drawn from, so that what is drawn goes together."""

Colour = tuple[float, float, float]

# Skin: (colour, blush, which hair colours go with it). Undertones: cool, neutral, warm, olive, deep.
SKINS = (
    ((0.93, 0.78, 0.70), (0.90, 0.55, 0.50), "fair"),
    ((0.92, 0.75, 0.64), (0.88, 0.53, 0.46), "fair"),
    ((0.88, 0.71, 0.58), (0.84, 0.50, 0.42), "light"),
    ((0.86, 0.68, 0.53), (0.80, 0.47, 0.38), "light"),
    ((0.87, 0.70, 0.54), (0.82, 0.50, 0.41), "dark"),
    ((0.78, 0.59, 0.44), (0.71, 0.40, 0.32), "dark"),
    ((0.71, 0.52, 0.37), (0.63, 0.35, 0.27), "dark"),
    ((0.61, 0.43, 0.30), (0.54, 0.28, 0.21), "dark"),
    ((0.50, 0.34, 0.24), (0.45, 0.22, 0.17), "deep"),
    ((0.40, 0.27, 0.20), (0.37, 0.18, 0.14), "deep"),
    ((0.32, 0.215, 0.165), (0.31, 0.15, 0.12), "deep"),
)
BLACK, ESPRESSO, BROWN, CHESTNUT = (
    (0.085, 0.075, 0.075),
    (0.17, 0.115, 0.085),
    (0.29, 0.19, 0.125),
    (0.38, 0.22, 0.13),
)
AUBURN, GINGER, DARK_BLOND, BLOND = (
    (0.42, 0.19, 0.10),
    (0.62, 0.33, 0.16),
    (0.52, 0.40, 0.25),
    (0.74, 0.59, 0.38),
)
HAIRS = {
    "fair": (BROWN, CHESTNUT, AUBURN, GINGER, DARK_BLOND, BLOND, BLOND),
    "light": (ESPRESSO, BROWN, BROWN, CHESTNUT, DARK_BLOND, BLOND),
    "dark": (BLACK, BLACK, ESPRESSO, ESPRESSO, BROWN),
    "deep": (BLACK, BLACK, BLACK, ESPRESSO),
}
GREY: Colour = (0.66, 0.65, 0.64)
IRISES = {
    "fair": ((0.36, 0.52, 0.64), (0.40, 0.50, 0.46), (0.34, 0.46, 0.36), (0.42, 0.30, 0.18)),
    "light": ((0.38, 0.50, 0.58), (0.40, 0.40, 0.24), (0.42, 0.29, 0.17), (0.33, 0.21, 0.13)),
    "dark": ((0.32, 0.20, 0.12), (0.25, 0.15, 0.09), (0.38, 0.27, 0.15)),
    "deep": ((0.22, 0.13, 0.08), (0.18, 0.11, 0.075)),
}
STYLES_MALE = (
    "bald",
    "crop",
    "crop",
    "short",
    "short",
    "swept",
    "swept",
    "receding",
    "curly",
    "afro",
    "fringe",
    "long_wavy",
)
STYLES_FEMALE = (
    "bob",
    "bob",
    "long_straight",
    "long_straight",
    "long_wavy",
    "long_wavy",
    "curly",
    "afro",
    "bun",
    "tied",
    "fringe",
    "fringe_long",
    "pixie",
)
COILED = ("afro", "curly")  # more likely with deep skin, rare otherwise
CLOTHES = ("tshirt", "shirt", "jacket", "sweater", "turtleneck", "vneck")
BACKGROUNDS = ("interior", "bookshelf", "wall", "studio", "window", "foliage")
CLOTH_HUES = (0.60, 0.57, 0.63, 0.08, 0.02, 0.97, 0.38, 0.47, 0.11, 0.75)
