"""The bundle is what was committed and no more, byte for byte the same wherever it is made."""

import io
import os
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gtsite.deploy import bundle as module
from gtsite.deploy.bundle import LEFT_OUT, Bundle, BundleError, make_bundle, plan_bundle
from gtsite.deploy.steps import Area
from tests.support.sandbox import PROJECT

NOON = "2026-03-04T12:34:56+02:00"
HOOK = ".platform/hooks/predeploy/10.sh"
FILES = {
    "Procfile": "web: gunicorn\n",
    "requirements.txt": "django\n",
    "site/page.py": "one = 1\n",
    "site/ümläut.txt": "ü",
    HOOK: "#!/bin/sh\n",
    "tests/test_page.py": "assert True\n",
    "docs/page.md": "# Page\n",
    "site/tests/kept.py": "two = 2\n",
}
DEPLOYED = [
    HOOK,
    "Procfile",
    "requirements.txt",
    "site/page.py",
    "site/tests/kept.py",
    "site/ümläut.txt",
]


@pytest.fixture(autouse=True)
def _git_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of this machine, and a clock that stands still."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Koro")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "koro@example.com")
        monkeypatch.setenv(f"GIT_{who}_DATE", NOON)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with one commit."""
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "--initial-branch=main")
    write(project, FILES)
    (project / HOOK).chmod(0o755)
    commit(project)
    return project


@pytest.fixture
def in_tokyo() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def git(project: Path, *command: str) -> str:
    done = subprocess.run(
        ["git", "-C", project, *command], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def write(project: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content, encoding="utf-8")


def commit(project: Path) -> str:
    git(project, "add", "--all")
    git(project, "commit", "--allow-empty", "--message=x")
    return git(project, "rev-parse", "HEAD")


def opened(bundle: Bundle) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(bundle.content))


def sentences(project: Path, bundle: Bundle) -> list[str]:
    findings = plan_bundle(project, bundle)
    assert {problem.area for problem in findings.problems} <= {Area.VERSION}
    return [problem.sentence for problem in findings.problems]


def test_it_holds_what_is_committed_without_a_folder_above_and_without_what_only_developers_need(
    project: Path,
) -> None:
    bundle = make_bundle(project)
    archive = opened(bundle)
    assert archive.namelist() == DEPLOYED
    assert archive.testzip() is None
    assert archive.read("site/ümläut.txt").decode() == "ü"
    assert bundle.commit == git(project, "rev-parse", "HEAD")
    assert bundle.label == f"git-{bundle.commit[:12]}"
    assert bundle.size_bytes == len(bundle.content)


def test_only_what_is_executable_in_the_commit_is_executable_in_the_bundle(project: Path) -> None:
    modes = {
        each.filename: each.external_attr >> 16 for each in opened(make_bundle(project)).filelist
    }
    assert oct(modes.pop(HOOK)) == oct(0o100755)
    assert set(modes.values()) == {0o100644}


def test_a_link_stays_a_link(project: Path) -> None:
    (project / "latest").symlink_to("site/page.py")
    commit(project)
    archive = opened(make_bundle(project))
    assert archive.read("latest") == b"site/page.py"
    assert oct(archive.getinfo("latest").external_attr >> 16) == oct(0o120000)


def test_another_machines_clone_gives_the_same_bytes(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_bundle(project)
    configuration = tmp_path / "gitconfig"
    attributes = tmp_path / "attributes"
    attributes.write_text("* text eol=crlf ident filter=upper export-subst\ndocs export-ignore\n")
    configuration.write_text(
        f"[core]\n autocrlf = true\n abbrev = 20\n attributesFile = {attributes}\n"
        '[filter "upper"]\n smudge = tr a-z A-Z\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{project}", "clone")
    assert make_bundle(tmp_path / "clone") == first


def test_a_tag_changes_no_byte_of_a_file_that_would_like_to_name_it(project: Path) -> None:
    write(project, {".gitattributes": "*.py export-subst\n", "site/page.py": "# $Format:%h%d$\n"})
    commit(project)
    first = make_bundle(project)
    git(project, "tag", "v1")
    assert make_bundle(project) == first


@pytest.mark.parametrize(
    ("mode", "name", "said"),
    [
        ("160000", "site/player", "site/player is a submodule"),
        ("100644", os.fsdecode(b"site/\xfc.txt"), r"site/\\xfc.txt is no name in UTF-8"),
    ],
    ids=["submodule", "latin-1"],
)
def test_what_cannot_be_in_the_bundle_is_refused_and_not_left_out(
    project: Path, mode: str, name: str, said: str
) -> None:
    blob = git(project, "rev-parse", "HEAD" if mode == "160000" else "HEAD:Procfile")
    git(project, "update-index", "--add", "--cacheinfo", f"{mode},{blob},{name}")
    git(project, "commit", "--message=x")
    with pytest.raises(BundleError, match=said):
        make_bundle(project)


def test_no_compressor_has_a_say_in_the_bytes(project: Path) -> None:
    kinds = {each.compress_type for each in opened(make_bundle(project)).filelist}
    assert kinds == {zipfile.ZIP_STORED}


@pytest.mark.usefixtures("in_tokyo")
def test_files_are_of_the_commits_time_in_utc(project: Path) -> None:
    times = {each.date_time for each in opened(make_bundle(project)).filelist}
    assert times == {(2026, 3, 4, 10, 34, 56)}


def test_a_commit_older_than_zips_calendar_is_of_its_first_day(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1970-01-02T00:00:00Z")
    commit(project)
    times = {each.date_time for each in opened(make_bundle(project)).filelist}
    assert times == {(1980, 1, 1, 0, 0, 0)}


def test_another_content_gives_another_digest_and_another_label(project: Path) -> None:
    first = make_bundle(project)
    write(project, {"site/page.py": "one = 2\n"})
    commit(project)
    second = make_bundle(project)
    assert first.sha256 != second.sha256
    assert first.label != second.label


def test_a_tag_a_branch_and_a_detached_head_are_commits(project: Path) -> None:
    first = make_bundle(project)
    git(project, "tag", "--annotate", "--message=x", "v1")
    write(project, {"site/page.py": "one = 2\n"})
    second = commit(project)
    assert make_bundle(project, "v1") == first
    assert make_bundle(project, "main").commit == second
    git(project, "checkout", "--quiet", "--detach", "v1")
    assert make_bundle(project) == first


def test_a_project_below_the_top_of_its_repository_is_bundled_alone(tmp_path: Path) -> None:
    git(tmp_path, "init", "--initial-branch=main")
    write(tmp_path / "web", FILES)
    write(tmp_path, {"elsewhere.txt": "x"})
    commit(tmp_path)
    bundle = make_bundle(tmp_path / "web")
    assert opened(bundle).namelist() == DEPLOYED
    write(tmp_path, {"elsewhere.txt": "y"})
    assert plan_bundle(tmp_path / "web", bundle).problems == ()


def test_a_clean_work_tree_leaves_nothing_to_say(project: Path) -> None:
    findings = plan_bundle(project, make_bundle(project))
    assert (findings.steps, findings.problems, findings.notes) == ((), (), ())


@pytest.mark.parametrize("staged", [False, True], ids=["in the work tree", "staged"])
def test_a_change_that_is_not_committed_is_a_problem_and_not_in_the_bundle(
    project: Path, staged: bool
) -> None:
    first = make_bundle(project)
    write(project, {"site/page.py": "one = 2\n"})
    if staged:
        git(project, "add", "--all")
    assert make_bundle(project) == first
    (sentence,) = sentences(project, first)
    assert sentence.startswith(f"site/page.py is changed since the commit {first.commit[:12]}")
    assert sentence.endswith("commit the changes, or put them aside with git stash.")


def test_a_deleted_file_is_a_change_too_and_many_are_counted(project: Path) -> None:
    for name in DEPLOYED:
        (project / name).unlink()
    (sentence,) = sentences(project, make_bundle(project))
    assert " and 1 more are changed since the commit " in sentence


def test_changes_of_what_is_not_deployed_stop_nothing(project: Path) -> None:
    write(project, {"tests/test_page.py": "assert 1\n", "docs/new.md": "x"})
    findings = plan_bundle(project, make_bundle(project))
    assert (findings.problems, findings.notes) == ((), ())


def test_files_that_git_does_not_know_are_a_note(project: Path) -> None:
    write(project, {"site/new.py": "x", ".gitignore": "*.log\n", "site/x.log": "x"})
    findings = plan_bundle(project, make_bundle(project))
    assert findings.problems == ()
    assert findings.notes == ("site/new.py is not in git, and so not deployed.",)


def test_an_older_commit_is_not_held_against_the_work_tree(project: Path) -> None:
    old = make_bundle(project).commit
    commit(project)
    write(project, {"site/page.py": "one = 2\n"})
    assert sentences(project, make_bundle(project, old)) == []


@pytest.mark.parametrize("name", ["Procfile", "requirements.txt"])
def test_a_commit_without_what_elastic_beanstalk_starts_from_is_a_problem(
    project: Path, name: str
) -> None:
    (project / name).unlink()
    commit(project)
    (sentence,) = sentences(project, make_bundle(project))
    assert f"has no {name} in the project's top folder" in sentence


def test_a_bundle_too_large_for_elastic_beanstalk_is_a_problem(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle(project)
    monkeypatch.setattr(module, "MOST_BYTES", bundle.size_bytes)
    assert sentences(project, bundle) == []
    monkeypatch.setattr(module, "MOST_BYTES", bundle.size_bytes - 1)
    (sentence,) = sentences(project, bundle)
    assert "take large files out of the commit" in sentence


@pytest.mark.parametrize("revision", ["nowhere", "--all", "HEAD~9", ""])
def test_a_revision_that_is_no_commit_is_refused_in_one_sentence(
    project: Path, revision: str
) -> None:
    with pytest.raises(BundleError, match="names no commit of the repository in"):
        make_bundle(project, revision)


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init")
    with pytest.raises(BundleError, match="HEAD names no commit"):
        make_bundle(tmp_path)


def test_a_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a git repository"):
        make_bundle(tmp_path)


def test_a_machine_without_git_is_told_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BundleError, match="git is not found"):
        make_bundle(project)


def test_a_git_that_hangs_is_given_up(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    write(programs, {"git": "#!/bin/sh\nexec sleep 600\n"})
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(module, "GIT_SECONDS", 0.2)
    with pytest.raises(BundleError, match="git does not answer"):
        make_bundle(project)


def test_everything_that_is_left_out_is_there_to_be_left_out() -> None:
    tracked = {name.partition("/")[0] for name in git(PROJECT, "ls-files").splitlines()}
    assert set(LEFT_OUT) - tracked <= {".github"}
