"""What can be wrong with a bookmark."""


class BookmarkError(Exception):
    """Base of the bookmarks' errors."""


class MalformedBookmark(BookmarkError):
    """A stored item cannot be read as a position."""
