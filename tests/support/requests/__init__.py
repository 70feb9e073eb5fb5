"""A wide table of DynamoDB requests, good ones and bad, each list to be sent in its order.

Each list starts from two empty tables: `things` with a partition key PK (S), a sort key SK (N), a
global index on G (S) and a local one on L (N); `plain` with the partition key PK (S) only.
"""

from tests.support.requests.base import PLAIN, TABLES, THINGS, Request
from tests.support.requests.batches import batches, transactions
from tests.support.requests.broken import mangled, raw
from tests.support.requests.reads import reads
from tests.support.requests.statements import statements
from tests.support.requests.tables import settings
from tests.support.requests.writes import writes

__all__ = (
    "PLAIN",
    "TABLES",
    "THINGS",
    "Request",
    "batches",
    "mangled",
    "raw",
    "reads",
    "settings",
    "statements",
    "transactions",
    "writes",
)
