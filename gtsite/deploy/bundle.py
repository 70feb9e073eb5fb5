"""What goes to AWS: one zip of one commit, the same bytes on every machine."""

import hashlib
import io
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gtsite.deploy.errors import DeployError
from gtsite.deploy.steps import Area, Findings, Problem

LEFT_OUT = (
    ".ci",
    ".github",
    ".gitignore",
    ".npmrc",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "README.md",
    "benchmarks",
    "bin",
    "deploy.toml",
    "docs",
    "package.json",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements-sandbox.txt",
    "tests",
)
"""Of the project's top folder: what no instance needs."""

NEEDED = ("Procfile", "requirements.txt")
MOST_BYTES = 512 * 1024 * 1024
"""What Elastic Beanstalk takes."""

LABEL = "git-"
"""What every label of a bundle begins with."""

LABEL_DIGITS = 12
GIT_SECONDS = 120
NAMES_SHOWN = 5
SUBMODULE = 0o160000
UNIX = 3
FIRST_DAY = datetime(1980, 1, 1, tzinfo=UTC)
"""Of a zip's calendar."""


class BundleError(DeployError):
    """There is no commit to deploy, or git does not hand it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a commit; `mode` is git's, of a link too, whose content is where it leads."""

    name: str
    mode: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The zip of one commit. `label` is the version's name on Elastic Beanstalk."""

    label: str
    commit: str
    sha256: str
    size_bytes: int
    content: bytes


def make_bundle(project: Path, revision: str = "HEAD") -> Bundle:
    """The zip of what is committed below `project`, whatever lies in the work tree.

    The commit alone decides every byte: files are as git keeps them, whatever this machine's git
    does on the way to a work tree, not compressed, of the commit's time, and executable or not.
    Raises `BundleError`.
    """
    commit = _commit(project, revision)
    content = _zipped(_files(project, commit), _time(project, commit))
    return Bundle(
        label=f"{LABEL}{commit[:LABEL_DIGITS]}",
        commit=commit,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        content=content,
    )


def plan_bundle(project: Path, bundle: Bundle) -> Findings:
    """What is wrong with the bundle, and what the work tree has that it has not.

    A commit other than HEAD is asked for by name: then the work tree is not meant. Raises
    `BundleError`.
    """
    problems = [*_missing(bundle), *_too_large(bundle.size_bytes)]
    if bundle.commit != _commit(project, "HEAD"):
        return Findings(problems=tuple(problems))
    changed, untracked = _status(project)
    if changed:
        problems.append(
            Problem(
                area=Area.VERSION,
                sentence=f"{_listed(changed)} changed since the commit {bundle.commit[:12]}, which "
                "is what would be deployed: commit the changes, or put them aside with git stash.",
            )
        )
    notes = (f"{_listed(untracked)} not in git, and so not deployed.",) if untracked else ()
    return Findings(problems=tuple(problems), notes=notes)


def _missing(bundle: Bundle) -> list[Problem]:
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        names = set(archive.namelist())
    return [
        Problem(
            area=Area.VERSION,
            sentence=f"The commit {bundle.commit[:12]} has no {name} in the project's top folder, "
            "which Elastic Beanstalk starts from: add it and commit.",
        )
        for name in NEEDED
        if name not in names
    ]


def _too_large(size_bytes: int) -> list[Problem]:
    if size_bytes <= MOST_BYTES:
        return []
    megabytes = -(-size_bytes // 2**20)
    sentence = (
        f"The bundle has {megabytes:,} MB, and Elastic Beanstalk takes {MOST_BYTES // 2**20}: "
        "take large files out of the commit."
    )
    return [Problem(area=Area.VERSION, sentence=sentence)]


def _listed(names: list[str]) -> str:
    """ "a and 2 more are": the subject of a sentence, and its verb."""
    shown, more = names[:NAMES_SHOWN], len(names) - NAMES_SHOWN
    said = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    return f"{said} {'is' if len(names) == 1 else 'are'}"


def _zipped(files: Iterable[File], at: datetime) -> bytes:
    """Not compressed: what a compressor makes of the same bytes depends on its version."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name, at.timetuple()[:6])
            entry.create_system = UNIX
            entry.external_attr = file.mode << 16
            archive.writestr(entry, file.content)
    return target.getvalue()


def _commit(project: Path, revision: str) -> str:
    found = _git(project, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", wrong=(1,))
    if not found or revision.startswith("-"):
        raise BundleError(
            f"{revision} names no commit of the repository in {project}: commit first, or name a "
            "commit, a tag or a branch that is here."
        )
    return found.decode().strip()


def _time(project: Path, commit: str) -> datetime:
    seconds = int(_git(project, "rev-list", "--timestamp", "--max-count=1", commit).split()[0])
    return max(datetime.fromtimestamp(seconds, UTC), FIRST_DAY)


def _files(project: Path, commit: str) -> Iterator[File]:
    """Those to be deployed, in git's order."""
    entries = [
        _entry(line) for line in _git(project, "ls-tree", "-r", "-z", commit).split(b"\0")[:-1]
    ]
    wanted = [entry for entry in entries if entry[0].partition("/")[0] not in LEFT_OUT]
    asked = "".join(f"{blob}\n" for _, _, blob in wanted)
    out = io.BytesIO(_git(project, "cat-file", "--batch", given=asked.encode()))
    for name, mode, _ in wanted:
        size_bytes = int(out.readline().split()[2])
        yield File(name=name, mode=mode, content=out.read(size_bytes))
        out.readline()


def _entry(line: bytes) -> tuple[str, int, str]:
    """Name, mode and blob of a line of `git ls-tree`."""
    about, _, name = line.partition(b"\t")
    mode, _, blob = about.decode().split()
    shown = name.decode(errors="backslashreplace")
    if int(mode, 8) == SUBMODULE:
        raise BundleError(
            f"{shown} is a submodule, whose files are not in the commit: copy them in."
        )
    if shown.encode() != name:
        raise BundleError(f"{shown} is no name in UTF-8, which a zip needs: rename the file.")
    return shown, int(mode, 8), blob


def _status(project: Path) -> tuple[list[str], list[str]]:
    """(tracked files that differ from HEAD, files git does not know), of those to be deployed."""
    out = _git(project, "status", "--porcelain=v1", "-z", "--no-renames", "--", *_wanted())
    entries = [entry for entry in out.decode(errors="replace").split("\0") if entry]
    changed = [entry[3:] for entry in entries if not entry.startswith("??")]
    untracked = [entry[3:] for entry in entries if entry.startswith("??")]
    return changed, untracked


def _wanted() -> list[str]:
    return [".", *(f":(exclude){name}" for name in LEFT_OUT)]


def _git(project: Path, *command: str, wrong: tuple[int, ...] = (), given: bytes = b"") -> bytes:
    """What git prints; nothing when it ends with one of the codes in `wrong`."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", project, *command],
            capture_output=True,
            check=False,
            input=given,
            timeout=GIT_SECONDS,
        )
    except FileNotFoundError as error:
        raise BundleError("git is not found: install it, it knows what is deployed.") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundleError(f"git does not answer: {error}.") from error
    if done.returncode and done.returncode not in wrong:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[0].removeprefix("fatal: ").rstrip(".") if said else "it does not say why"
        raise BundleError(f"git cannot read the repository in {project}: {reason}.")
    return b"" if done.returncode else done.stdout
