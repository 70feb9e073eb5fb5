"""Which regions DynamoDB has, where they stand, and how far apart they are."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gtsite.dynamodb.errors import UnknownRegion

EARTH_RADIUS_KM = 6371.0
LIGHT_KM_PER_MS = 299.792458
ANYWHERE = "*"
"""In place of a name, among endpoints: every region that is not named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One AWS region and the place it is named after; degrees, north and east positive.

    AWS does not publish where its buildings are, so a place is right to some 100 km.
    """

    name: str
    place: str
    country: str
    latitude: float
    longitude: float


def _region(name: str, place: str, country: str, latitude: float, longitude: float) -> Region:
    return Region(name=name, place=place, country=country, latitude=latitude, longitude=longitude)


_REGIONS = {
    each.name: each
    for each in (
        _region("us-east-1", "Virginia", "United States", 38.95, -77.45),
        _region("us-east-2", "Ohio", "United States", 39.96, -83.00),
        _region("us-west-1", "California", "United States", 37.35, -121.96),
        _region("us-west-2", "Oregon", "United States", 45.84, -119.70),
        _region("ca-central-1", "Montreal", "Canada", 45.50, -73.57),
        _region("ca-west-1", "Calgary", "Canada", 51.05, -114.07),
        _region("mx-central-1", "Querétaro", "Mexico", 20.59, -100.39),
        _region("sa-east-1", "São Paulo", "Brazil", -23.55, -46.63),
        _region("eu-west-1", "Ireland", "Ireland", 53.35, -6.26),
        _region("eu-west-2", "London", "United Kingdom", 51.51, -0.13),
        _region("eu-west-3", "Paris", "France", 48.86, 2.35),
        _region("eu-central-1", "Frankfurt", "Germany", 50.11, 8.68),
        _region("eu-central-2", "Zurich", "Switzerland", 47.38, 8.54),
        _region("eu-north-1", "Stockholm", "Sweden", 59.33, 18.07),
        _region("eu-south-1", "Milan", "Italy", 45.46, 9.19),
        _region("eu-south-2", "Aragon", "Spain", 41.65, -0.88),
        _region("il-central-1", "Tel Aviv", "Israel", 32.09, 34.78),
        _region("me-central-1", "Dubai", "United Arab Emirates", 25.20, 55.27),
        _region("me-south-1", "Bahrain", "Bahrain", 26.07, 50.55),
        _region("af-south-1", "Cape Town", "South Africa", -33.92, 18.42),
        _region("ap-south-1", "Mumbai", "India", 19.08, 72.88),
        _region("ap-south-2", "Hyderabad", "India", 17.39, 78.49),
        _region("ap-southeast-1", "Singapore", "Singapore", 1.35, 103.82),
        _region("ap-southeast-2", "Sydney", "Australia", -33.87, 151.21),
        _region("ap-southeast-3", "Jakarta", "Indonesia", -6.21, 106.85),
        _region("ap-southeast-4", "Melbourne", "Australia", -37.81, 144.96),
        _region("ap-southeast-5", "Kuala Lumpur", "Malaysia", 3.14, 101.69),
        _region("ap-southeast-6", "Auckland", "New Zealand", -36.85, 174.76),
        _region("ap-southeast-7", "Bangkok", "Thailand", 13.76, 100.50),
        _region("ap-east-1", "Hong Kong", "China", 22.32, 114.17),
        _region("ap-east-2", "Taipei", "Taiwan", 25.03, 121.57),
        _region("ap-northeast-1", "Tokyo", "Japan", 35.68, 139.69),
        _region("ap-northeast-2", "Seoul", "South Korea", 37.57, 126.98),
        _region("ap-northeast-3", "Osaka", "Japan", 34.69, 135.50),
    )
}


def region(name: str) -> Region:
    """The region of that name; raises `UnknownRegion`."""
    found = _REGIONS.get(name)
    if found is None:
        raise UnknownRegion(name)
    return found


def all_regions() -> tuple[Region, ...]:
    """Every commercial region DynamoDB has, by continent."""
    return tuple(_REGIONS.values())


def distance_km(a: str, b: str) -> float:
    """Kilometres over the ground along the great circle; raises `UnknownRegion`."""
    here, there = region(a), region(b)
    north, south = math.radians(here.latitude), math.radians(there.latitude)
    east = math.radians(there.longitude - here.longitude)
    haversine = (
        math.sin((south - north) / 2) ** 2
        + math.cos(north) * math.cos(south) * math.sin(east / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, haversine)))


def light_time_ms(a: str, b: str) -> float:
    """Milliseconds one way at the speed of light, which no message beats; fibre takes half more."""
    return distance_km(a, b) / LIGHT_KM_PER_MS


def nearest(origin: str, candidates: Iterable[str]) -> list[str]:
    """The candidates, nearest to `origin` first; raises `UnknownRegion`."""
    return sorted(candidates, key=lambda name: (distance_km(origin, name), name))
