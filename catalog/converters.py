"""Which ids an address can hold. Anything else finds no page: 404."""

from django.urls import register_converter

from catalog.entities import EPISODE_KEY, TITLE_ID

EPISODE = EPISODE_KEY.pattern.replace("?P<season>", "?:").replace("?P<number>", "?:")


class TitleIdConverter:
    """`sintel`, `01`, `metropolis-1927`."""

    regex = TITLE_ID.pattern

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class ContentIdConverter(TitleIdConverter):
    """A bookmark's sort key. `caminandes#S01E02` is written `caminandes/S01E02`.

    The key itself, percent-encoded, is understood as well.
    """

    regex = f"{TITLE_ID.pattern}(?:[/#]{EPISODE})?"

    def to_python(self, value: str) -> str:
        return value.replace("/", "#")

    def to_url(self, value: str) -> str:
        return value.replace("#", "/")


def register() -> None:
    """Makes `<title_id:…>` and `<content_id:…>` known to every URL file."""
    register_converter(TitleIdConverter, "title_id")
    register_converter(ContentIdConverter, "content_id")
