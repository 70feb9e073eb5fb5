"""As many invented flights as one likes, with the ten that the exercises look at among them.

The same each time: `python -m gtsite.experiments.flights > gtsite/experiments/data/flights.csv`
makes the data of the table `flights` anew. Asked for more, the first ones stay the same.
"""

import csv
import sys
from collections.abc import Iterator, Sequence
from random import Random
from typing import TextIO

from gtsite.dynamodb.tables import FLIGHTS

FLIGHTS_IN_THE_DATA = 2_500
SEATS = (266, 828, 491, 978, 277, 623, 677, 304, 944, 580)
"""Of the table's sample, in its order."""
SAMPLE_EVERY = 250

FIRST_ID, IDS, STEP = 10_000_000, 9_980_000_041, 6_180_339_887
MOST_SEATS = 999
SEAT_TYPES = ("Economy", "Economy", "Economy", "PremiumEconomy", "Business", "FirstClass")
AIRLINES = (
    *(str(airline) for _, airline in FLIGHTS.sample),
    *("American", "Lufthansa", "AirFrance", "KLM", "Iberia", "TAP", "SAS", "Finnair", "LOT"),
    *("Swiss", "Austrian", "Turkish", "ElAl", "EgyptAir", "Kenya", "Ethiopian", "RoyalAirMaroc"),
    *("AirIndia", "Singapore", "Thai", "Garuda", "Cathay", "ANA", "JAL", "KoreanAir", "Qantas"),
    *("AirNewZealand", "AirCanada", "Aeromexico", "Copa", "Avianca", "LATAM", "Gol"),
)
COUNTRIES = (
    *("Argentina", "Australia", "Austria", "Belgium", "Brazil", "Canada", "Chile", "China"),
    *("Colombia", "Croatia", "Czech Republic", "Denmark", "Egypt", "Estonia", "Ethiopia"),
    *("Finland", "France", "Germany", "Ghana", "Greece", "Iceland", "India", "Indonesia"),
    *("Ireland", "Italy", "Japan", "Kenya", "Latvia", "Malaysia", "Mexico", "Morocco"),
    *("Netherlands", "New Zealand", "Norway", "Panama", "Peru", "Philippines", "Poland"),
    *("Portugal", "Senegal", "Singapore", "South Africa", "South Korea", "Spain", "Sweden"),
    *("Switzerland", "Thailand", "Tunisia", "Turkey", "United Kingdom", "United States"),
    *("Uruguay", "Vietnam"),
)
DESKS = ("help", "support", "care", "desk", "service", "hello", "bookings", "seats")
DOMAINS = ("example.com", "example.net", "example.org")


def flights(count: int) -> Iterator[Sequence[str]]:
    """The cells of `count` flights in the order of the table's columns; one at a time."""
    random = Random(2019)  # noqa: S311
    for number in range(count):
        flight_id, airline, seats = _known(number) or _invented(random, number)
        start, end = random.sample(COUNTRIES, 2)
        yield (
            *(str(flight_id), airline, str(seats)),
            random.choice(SEAT_TYPES),
            f"{random.choice(DESKS)}{random.randrange(100)}@{random.choice(DOMAINS)}",
            f"({random.randint(201, 989)}) 555-01{random.randrange(100):02}",
            *(start, end),
            f"{random.randint(1, 12)}/{random.randint(1, 28)}/19",
            f"{random.randrange(24)}:{random.randrange(60):02}",
        )


def write_flights(text: TextIO, count: int) -> None:
    """As CSV without a heading."""
    csv.writer(text, lineterminator="\n").writerows(flights(count))


def _known(number: int) -> tuple[int, str, int] | None:
    """Each flight of the sample has its place in the middle of so many others."""
    which, place = divmod(number, SAMPLE_EVERY)
    if place != SAMPLE_EVERY // 2 or which >= len(SEATS):
        return None
    flight_id, airline = FLIGHTS.sample[which]
    return flight_id, airline, SEATS[which]


def _invented(random: Random, number: int) -> tuple[int, str, int]:
    """Ids jump about and never meet: a step round a circle, whose length is prime to it."""
    flight_id = FIRST_ID + (number + 1) * STEP % IDS
    return flight_id, random.choice(AIRLINES), random.randint(0, MOST_SEATS)


if __name__ == "__main__":
    write_flights(sys.stdout, FLIGHTS_IN_THE_DATA)
