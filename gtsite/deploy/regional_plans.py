"""What each region's turn would do: what stands there, what would change, and what is in the way.

Only looks: nothing here changes anything until a step is carried out.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gtsite.deploy.aws import Aws
from gtsite.deploy.beanstalk import Application, EnvironmentState, VersionState
from gtsite.deploy.bundle import Bundle
from gtsite.deploy.config import Config
from gtsite.deploy.errors import BadConfig, CredentialsMissing, CredentialsRefused, DeployError
from gtsite.deploy.options import VARIABLES, Difference, Option, differences
from gtsite.deploy.preflight import Identity, find_platform
from gtsite.deploy.steps import Area, Findings, Problem, Step, Tell
from gtsite.deploy.turns import Place, Turn, beanstalk_of, find_arns, named, options_with
from gtsite.deploy.versions import FAILED, PASSED, bundle_key, check_version, is_bundle_stored
from gtsite.deploy.waiting import WELL, Clock, Patience, Watch, find_silence

PLATFORM_VARIABLES = frozenset({"PYTHONPATH"})
"""Which Elastic Beanstalk's Python platform sets by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPlan:
    """What one region's turn would do. `before` is its environment when it was planned."""

    region: str
    findings: Findings
    before: EnvironmentState | None
    place: Place


def plan_regions(
    config: Config,
    identity: Identity,
    bundle: Bundle,
    aws: Aws,
    *,
    only: Sequence[str] = (),
) -> tuple[RegionPlan, ...]:
    """What each region's turn would do, in order; they are asked side by side.

    A region that cannot be looked at has that as its problem. Raises `BadConfig`, and what is
    wrong with the credentials.
    """
    places = [
        Place(config=config, account=identity.account, bundle=bundle, aws=aws, region=region)
        for region in chosen_regions(config, only)
    ]
    with ThreadPoolExecutor(max_workers=len(places)) as pool:
        return tuple(pool.map(_plan_region, places))


def chosen_regions(config: Config, only: Sequence[str]) -> tuple[str, ...]:
    """The regions of a run, in the config's order; raises `BadConfig`."""
    unknown = [name for name in only if name not in config.regions]
    if unknown:
        raise BadConfig(
            f"{', '.join(unknown)} is not among the regions of this deployment: "
            f"{', '.join(config.regions)}."
        )
    return tuple(name for name in config.regions if not only or name in only)


def find_environment(config: Config, region: str, aws: Aws) -> EnvironmentState | None:
    """What stands in one region; raises a `DeployError`."""
    return beanstalk_of(config, region, aws).find_environment()


def find_differences(
    config: Config, identity: Identity, region: str, aws: Aws
) -> tuple[Difference, ...]:
    """The options of a region's environment, which has to exist, that stand otherwise than wanted.

    What points to a certificate or a secret that does not exist is not compared.
    """
    wanted = options_with(config, region, identity.account, find_arns(config, region, aws))
    return differences(wanted, beanstalk_of(config, region, aws).find_options())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """What one region has, when it is planned for."""

    place: Place
    application: Application | None
    is_stored: bool
    version: VersionState | None
    environment: EnvironmentState | None
    platform: str
    has_certificate: bool
    wanted: dict[Option, str]
    found: dict[Option, str]

    @property
    def different(self) -> tuple[Difference, ...]:
        return differences(self.wanted, self.found) if self.environment else ()


def _plan_region(place: Place) -> RegionPlan:
    before, findings = None, Findings()
    try:
        before = place.beanstalk.find_environment()
        application = place.beanstalk.find_application()
        problems = _others(place, application, before)
        findings = Findings(problems=problems)
        if not problems:
            findings = _findings(_look(place, application, before))
    except (BadConfig, CredentialsMissing, CredentialsRefused):
        raise  # not this region's alone
    except DeployError as error:
        findings = Findings(problems=(_problem(place, str(error)),))
    return RegionPlan(region=place.region, findings=findings, before=before, place=place)


def _others(
    place: Place, application: Application | None, environment: EnvironmentState | None
) -> tuple[Problem, ...]:
    """What has our names and is not ours."""
    beanstalk, config, found = place.beanstalk, place.config, []
    if application is not None and not beanstalk.is_tagged(application.arn, config.tags):
        found.append(_not_ours(place, f"The application {application.name}"))
    if environment is not None and not _is_ours(place, environment):
        found.append(_not_ours(place, f"The environment {environment.name}"))
    if environment is None and not beanstalk.is_cname_free(config.cname_prefix(place.account)):
        sentence = f"The host name {config.cname(place.region, place.account)} is taken"
        found.append(_problem(place, f"{sentence}: deploy under another application name."))
    return tuple(found)


def _is_ours(place: Place, environment: EnvironmentState) -> bool:
    config = place.config
    if environment.application != config.application:
        return False
    return environment.is_ending or place.beanstalk.is_tagged(environment.arn, config.tags)


def _look(
    place: Place, application: Application | None, environment: EnvironmentState | None
) -> _Standing:
    beanstalk, arns = place.beanstalk, find_arns(place.config, place.region, place.aws)
    version = beanstalk.find_version(place.bundle.label) if application else None
    has_options = environment is not None and not environment.is_ending
    return _Standing(
        place=place,
        application=application,
        version=version,
        is_stored=version is not None and _is_stored(place, version),
        environment=environment,
        platform=find_platform(place.aws, place.region),
        has_certificate=bool(arns.certificate) or not place.config.domain,
        wanted=options_with(place.config, place.region, place.account, arns),
        found=beanstalk.find_options() if has_options else {},
    )


def _is_stored(place: Place, version: VersionState) -> bool:
    if version.key != bundle_key(place.config, place.bundle):
        return True  # another bundle, which is a problem of its own
    bucket, key = version.bucket, version.key
    return is_bundle_stored(place.aws, place.region, bucket, key, place.bundle)


def _findings(standing: _Standing) -> Findings:
    place, problems = standing.place, []
    if standing.version is not None:
        config, region = place.config, place.region
        problems += check_version(config, place.bundle, standing.version, region)
    problems += [_problem(place, each) for each in _complaints(standing)]
    problems += [_problem(place, each) for each in _out_of_sight(standing)]
    steps = (*_version_steps(standing), *_environment_steps(standing))
    return Findings(
        steps=() if problems else steps, problems=tuple(problems), notes=tuple(_notes(standing))
    )


def _complaints(standing: _Standing) -> list[str]:
    """What Elastic Beanstalk has against the options that would change."""
    if not standing.environment or not standing.different or standing.environment.is_ending:
        return []
    options = {each.option: each.wanted for each in standing.different}
    return standing.place.beanstalk.complaints(options, exists=True)


def _out_of_sight(standing: _Standing) -> list[str]:
    """Where the gate would find fault with a healthy region, and take back what is good."""
    state = standing.environment
    if state is None or not state.is_ready or state.health not in WELL:
        return []
    silence = find_silence(state.cname)
    if not silence:
        return []
    sentence = (
        f"{state.name} is healthy, and seen from this machine {silence}: the gate has to reach it, "
        "by port 80 or through http_proxy."
    )
    return [sentence]


def _version_steps(standing: _Standing) -> list[Step]:
    place = standing.place
    label, size = place.bundle.label, f"{place.bundle.size_bytes / 1e6:,.1f} MB"
    steps = []
    if standing.application is None:
        sentence = f"create the application {place.config.application}"
        steps.append(_step(place, Area.VERSION, sentence, _make_application))
    if standing.version is None or standing.version.status == FAILED or not standing.is_stored:
        sentence = f"upload the bundle ({size}) and create the version {label}"
        if standing.version is not None and standing.version.status == FAILED:
            sentence = f"delete the version {label}, which failed, and create it again ({size})"
        elif standing.version is not None:
            sentence = f"upload the bundle of {label} again ({size}): it is not in S3 any more"
        steps.append(_step(place, Area.VERSION, sentence, _make_version))
    return steps


def _environment_steps(standing: _Standing) -> list[Step]:
    place, state, label = standing.place, standing.environment, standing.place.bundle.label
    if state is None or state.is_ending:
        return [_step(place, Area.ENVIRONMENT, _creation(standing), _bring)]
    sentences = []
    if standing.different:
        sentences.append(f"set {named(standing.different)} in {state.name}")
    if not standing.has_certificate:
        sentences.append(f"have {state.name} listen for HTTPS once its certificate is issued")
    if state.version != label:
        sentences.append(f"deploy {label} in place of {state.version or 'no version'}")
    if not sentences and not _has_passed(standing):
        sentences.append(f"wait until {state.name} is healthy on {label}")
    return [_step(place, Area.ENVIRONMENT, sentence, _bring) for sentence in sentences]


def _creation(standing: _Standing) -> str:
    config, name = standing.place.config, standing.place.beanstalk.environment
    count = f"{config.least_instances} to {config.most_instances}"
    kinds, label = " or ".join(config.instance_types), standing.place.bundle.label
    first = "once the one being terminated is gone, " if standing.environment else ""
    return f"{first}create {name} with {label}: {count} × {kinds}, {standing.platform}"


def _has_passed(standing: _Standing) -> bool:
    state, version = standing.environment, standing.version
    is_noted = version is not None and version.description == PASSED
    return is_noted and state is not None and state.is_ready


def _notes(standing: _Standing) -> list[str]:
    state = standing.environment
    if state is None:
        return []
    region, notes = state.region, []
    if not state.is_ready:
        notes.append(
            f"{state.name} is {state.status}: that is waited for, and what stands then decides."
        )
    if state.platform and state.platform != standing.platform:
        notes.append(
            f"{region} has {state.platform}; there is {standing.platform}. Releases of the same "
            "Python come with managed updates."
        )
    if names := _further_variables(standing):
        notes.append(
            f"{region} has variables that deploy.toml does not set, which stay: {', '.join(names)}."
        )
    return notes


def _further_variables(standing: _Standing) -> list[str]:
    known = {name for space, name in standing.wanted if space == VARIABLES} | PLATFORM_VARIABLES
    return sorted({name for space, name in standing.found if space == VARIABLES} - known)


def _step(place: Place, area: Area, sentence: str, act: Callable[[Turn], None]) -> Step:
    def carry_out(tell: Tell) -> None:
        watch = Watch(beanstalk=place.beanstalk, patience=Patience(), clock=Clock(), tell=tell)
        act(Turn(place=place, watch=watch))

    return Step(area=area, sentence=sentence, carry_out=carry_out, region=place.region)


def _make_application(turn: Turn) -> None:
    turn.place.release.make_application(turn.watch)


def _make_version(turn: Turn) -> None:
    turn.place.release.make_version(turn.watch)


def _bring(turn: Turn) -> None:
    turn.bring()


def _not_ours(place: Place, what: str) -> Problem:
    return _problem(
        place,
        f"{what} in {place.region} was not made by this tool (it lacks the tag "
        f"{place.config.tags[0]['Key']}): deploy under another application name.",
    )


def _problem(place: Place, sentence: str) -> Problem:
    return Problem(area=Area.ENVIRONMENT, sentence=sentence, region=place.region)
