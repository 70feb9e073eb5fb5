"""What can be wrong with a bookmark, or with an entry of a list."""


class BookmarkError(Exception):
    """Base of the bookmarks' errors."""


class MalformedBookmark(BookmarkError):
    """A stored item cannot be read as a position."""


class MalformedEntry(BookmarkError):
    """A stored item cannot be read as an entry of a list."""
