"""How long replication takes where no sandbox tells: what CloudWatch said last, not waited for."""

from collections.abc import Mapping, Sequence

from django.conf import settings

from gtsite.status.kept import get_all
from gtsite.status.watch import watch


def last_latencies(regions: Sequence[str]) -> Mapping[tuple[str, str], float]:
    """By way (source, target), the average in milliseconds of the newest period there is.

    A region that was not asked lately is asked in the background: its answer is there next time.
    """
    kept = {
        source: watch().ways(
            settings.GT_TABLE, source, tuple(each for each in regions if each != source)
        )
        for source in regions
    }
    told = get_all(kept, patience_seconds=0)
    return {
        (source, target): points[-1].average
        for source, each in told.items()
        for target, points in (each.value or {}).items()
        if points
    }
