"""The five experiments: what each shows, and what an application should do about it."""

from dataclasses import dataclass

from bookmarks.lab.experiments.forms import (
    ConflictsForm,
    CountersForm,
    ExperimentForm,
    LagForm,
    RaceForm,
    StaleForm,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """`shows` says what is going on, `advice` what to do about it; a sentence each.

    `first_words` say what will be seen, as long as nothing is.
    """

    name: str
    label: str
    logged_as: str
    title: str
    shows: str
    advice: str
    first_words: str
    form: type[ExperimentForm]

    @property
    def results(self) -> str:
        """The template of what came of it."""
        return f"lab/experiments/_{self.name}.html"


EXPERIMENTS = {
    each.name: each
    for each in (
        Experiment(
            name="lag",
            label="Lag",
            logged_as="Lag probe",
            title="How long a write is on its way",
            shows=(
                "Small items are written in one region and looked for in the others: the time "
                "until one is there is the replication lag."
            ),
            advice=(
                "Never expect to find elsewhere what was written a moment ago: read where you "
                "wrote, or carry the new value along."
            ),
            first_words="Every probe will be a dot: the higher, the longer it was on its way.",
            form=LagForm,
        ),
        Experiment(
            name="stale-read",
            label="Stale read",
            logged_as="Stale read",
            title="Reading the past",
            shows=(
                "Every item is changed in one region and read in another at once, then again and "
                "again until both agree."
            ),
            advice=(
                "Show what a distant replica holds, but decide nothing by it that cannot be taken "
                "back: decisions belong to the region that writes."
            ),
            first_words=(
                "Every item will be a line: what was there, what the first look gave, "
                "how long it was behind."
            ),
            form=StaleForm,
        ),
        Experiment(
            name="race",
            label="Race",
            logged_as="Race",
            title="Two writers, one survivor",
            shows=(
                "Two regions write one item; if the second has not heard of the first, the later "
                "write wins everywhere and the other, though acknowledged, is as if it had never "
                "been."
            ),
            advice=(
                "Let one region own an item, or write only whole values of which the newest may "
                "safely win."
            ),
            first_words=(
                "Every region will be a lane of a filmstrip: what it held when, who "
                "won, and what was lost."
            ),
            form=RaceForm,
        ),
        Experiment(
            name="conflicts",
            label="Conflicts",
            logged_as="Run of conflicts",
            title="Counting what is lost",
            shows=(
                "Every chosen region writes its own value into the same items at the same moment: "
                "each write is acknowledged, and of each item only one is left."
            ),
            advice=(
                "A condition does not help, because it sees its own replica only: keep the writers "
                "of an item in one region, or give each region items of its own."
            ),
            first_words=(
                "Every item will be a square in the colour of the region whose value is left."
            ),
            form=ConflictsForm,
        ),
        Experiment(
            name="counters",
            label="Counters",
            logged_as="Counters",
            title="Counting in several regions",
            shows=(
                "Every region counts at the same time, in three ways: adding to one shared item, "
                "adding to an item of its own, and writing whole values."
            ),
            advice=(
                "Never add to what others add to as well: count in one item per region and sum "
                "when reading, or write whole values, as this site does with bookmarks."
            ),
            first_words=(
                "Three counts will stand beside each other, with what each region holds of them."
            ),
            form=CountersForm,
        ),
    )
}
