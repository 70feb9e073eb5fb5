"""What the lab runs on in these tests, seen past the site."""

from tests.support.engines import ThreeRegions

KEY = {"PK": {"S": "user100"}, "SK": {"S": "AshlandValley"}}
LONG_LAG_MS = 60_000


def put_bookmark(regions: ThreeRegions, region: str, value: int) -> None:
    """As the source document's put-item command does: no stamp."""
    regions.client(region).put_item(
        TableName="global-serverless", Item={**KEY, "Bookmark": {"N": str(value)}}
    )


def bookmark_in(regions: ThreeRegions, region: str) -> int | None:
    """What the region really holds, past the site."""
    item = regions.client(region).get_item(TableName="global-serverless", Key=KEY).get("Item", {})
    return int(item["Bookmark"]["N"]) if "Bookmark" in item else None
