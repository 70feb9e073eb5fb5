"""The closed list of words by which titles are sorted."""

GENRES: tuple[str, ...] = (
    "adventure",
    "animation",
    "comedy",
    "documentary",
    "drama",
    "fantasy",
    "film noir",
    "horror",
    "romance",
    "science fiction",
    "thriller",
    "western",
)
"""Every genre a title of ours may have, in the order of the alphabet, as it is stored."""
