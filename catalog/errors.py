"""What can be wrong with the catalogue."""


class CatalogueError(Exception):
    """Base of the catalogue's errors."""


class TitleNotFound(CatalogueError):
    """No title, or no episode of it, has that id."""


class MalformedItem(CatalogueError):
    """A stored item cannot be read as the title or the episode its key says it is."""
