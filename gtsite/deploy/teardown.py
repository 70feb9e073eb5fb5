"""The end of what a deployment made on Elastic Beanstalk: environments, versions, applications."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from gtsite.deploy.aws import Aws
from gtsite.deploy.beanstalk import EnvironmentState
from gtsite.deploy.bundle import LABEL
from gtsite.deploy.config import Config
from gtsite.deploy.errors import DeployError
from gtsite.deploy.steps import Area, Findings, Kind, Step, Tell
from gtsite.deploy.turns import beanstalk_of
from gtsite.deploy.waiting import Clock, Patience, StoppableClock, Watch


class NotRemoved(DeployError):
    """Something of a deployment is still there; says where and why."""


def plan_removal(config: Config, regions: Sequence[str], aws: Aws) -> Findings:
    """What `remove_environments` would end, region by region; what is not ours is a note."""
    with ThreadPoolExecutor(max_workers=max(1, len(regions))) as pool:
        found = pool.map(lambda region: _plan_region(config, region, aws), regions)
        return sum(found, Findings())


def remove_environments(
    config: Config,
    regions: Sequence[str],
    aws: Aws,
    patience: Patience,
    tell: Tell,
    *,
    clock: Clock | None = None,
) -> None:
    """Ends the environments of the regions side by side, then their versions and applications.

    Done twice it changes nothing. What does not carry this deployment's tags stays. Raises
    `NotRemoved` once every region has been tried; Ctrl-C ends all of them at their next look.
    """
    stoppable = StoppableClock(clock or Clock())
    watches = [_watch(config, region, aws, patience, tell, stoppable) for region in regions]
    tries: list[Future[str]] = []
    with ThreadPoolExecutor(max_workers=max(1, len(watches))) as pool:
        try:
            tries.extend(pool.submit(_tried, config, watch) for watch in watches)
            wait(tries)
        except KeyboardInterrupt:
            stoppable.stop()
            raise
    left = [each.result() for each in tries if each.result()]
    if left:
        raise NotRemoved(" ".join(left))


def _watch(
    config: Config,
    region: str,
    aws: Aws,
    patience: Patience,
    tell: Tell,
    clock: Clock,
) -> Watch:
    return Watch(
        beanstalk=beanstalk_of(config, region, aws),
        patience=patience,
        clock=clock,
        tell=tell,
    )


def _tried(config: Config, watch: Watch) -> str:
    """What went wrong in one region, in a sentence; '' for nothing."""
    try:
        _remove(config, watch)
    except DeployError as error:
        sentence = f"{watch.beanstalk.region} is not empty yet: {error}"
        watch.say(Kind.TROUBLE, sentence)
        return sentence
    return ""


def _remove(config: Config, watch: Watch) -> None:
    beanstalk = watch.beanstalk
    application = beanstalk.find_application()
    if application is None:
        return
    if not beanstalk.is_tagged(application.arn, config.tags):
        watch.say(Kind.DONE, f"{application.name} was not made by this tool, and stays.")
        return
    _terminate(config, watch)
    others = [each.name for each in beanstalk.list_environments()]
    if others:
        watch.say(Kind.DONE, f"{application.name} stays: it has {', '.join(others)}.")
        return
    _delete_versions(watch)
    watch.say(Kind.DOING, f"deleting the application {application.name}")
    watch.insist(beanstalk.delete_application, lambda: beanstalk.find_application() is None)
    watch.say(Kind.DONE, f"{application.name} is gone.")


def _terminate(config: Config, watch: Watch) -> None:
    """Ends our environment and waits until it is gone; what it is busy with is waited for."""
    watch.mark()
    state = watch.look()
    if state is None or not _is_ours(config, watch, state):
        return
    if state.is_under_way:
        watch.settle()
    if not state.is_ending:
        watch.say(Kind.DOING, f"terminating {state.name}")
        watch.insist(lambda: watch.beanstalk.terminate(state.id), _is_over(watch, state.id))
    watch.until(_is_gone(watch, state.id), f"{state.name} to be gone")


def _is_ours(config: Config, watch: Watch, state: EnvironmentState) -> bool:
    if state.application != config.application:
        return False
    return state.is_ending or watch.beanstalk.is_tagged(state.arn, config.tags)


def _is_over(watch: Watch, environment_id: str) -> Callable[[], bool]:
    def holds() -> bool:
        state = watch.look()
        return state is None or state.id != environment_id or state.is_ending

    return holds


def _is_gone(watch: Watch, environment_id: str) -> Callable[[], bool]:
    def holds() -> bool:
        state = watch.look()
        return state is None or state.id != environment_id

    return holds


def _delete_versions(watch: Watch) -> None:
    """With their bundles, where those lie in our own folder of the bucket.

    A bundle whose version was never made goes as well.
    """
    beanstalk = watch.beanstalk
    for version in beanstalk.list_versions():
        watch.say(Kind.DOING, f"deleting the version {version.label}")
        has_bundle = version.key.startswith(f"{beanstalk.application}/")
        _delete_version(watch, version.label, with_bundle=has_bundle)
    aws, region, bucket = beanstalk.aws, beanstalk.region, beanstalk.find_storage()
    prefix = f"{beanstalk.application}/{LABEL}"
    stored = list(
        aws.pages("s3", region, "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
    )
    for each in stored:
        watch.say(Kind.DOING, f"deleting the bundle {each['Key']}")
        aws.ask("s3", region, "delete_object", Bucket=bucket, Key=each["Key"])


def _delete_version(watch: Watch, label: str, *, with_bundle: bool) -> None:
    beanstalk = watch.beanstalk
    watch.insist(
        lambda: beanstalk.delete_version(label, with_bundle=with_bundle),
        lambda: beanstalk.find_version(label) is None,
    )


def _plan_region(config: Config, region: str, aws: Aws) -> Findings:
    beanstalk = beanstalk_of(config, region, aws)
    application = beanstalk.find_application()
    if application is None:
        return Findings()
    if not beanstalk.is_tagged(application.arn, config.tags):
        return Findings(notes=(f"{application.name} in {region} is not ours, and stays.",))
    versions = len(beanstalk.list_versions())
    standing = beanstalk.list_environments()
    ours = [each.name for each in standing if each.name == beanstalk.environment]
    others = [each.name for each in standing if each.name != beanstalk.environment]
    sentences = [f"terminate the environment {name}" for name in ours]
    if others:
        note = f"{application.name} in {region} stays: it has {', '.join(others)}."
        return Findings(
            steps=tuple(_step(config, region, aws, each) for each in sentences), notes=(note,)
        )
    if versions:
        sentences.append(f"delete {versions} version{'s' if versions > 1 else ''} with bundles")
    sentences.append(f"delete the application {application.name}")
    return Findings(steps=tuple(_step(config, region, aws, each) for each in sentences))


def _step(config: Config, region: str, aws: Aws, sentence: str) -> Step:
    def carry_out(tell: Tell) -> None:
        remove_environments(config, [region], aws, Patience(), tell)

    return Step(area=Area.ENVIRONMENT, sentence=sentence, carry_out=carry_out, region=region)
