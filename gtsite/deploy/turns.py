"""One region's turn: from what stands there to the wanted version and options, or back again.

What is to be done next is decided each time by looking, never by what was planned or done before.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gtsite.deploy.aws import Aws
from gtsite.deploy.beanstalk import Beanstalk, EnvironmentState
from gtsite.deploy.bundle import Bundle
from gtsite.deploy.certificates import find_certificates
from gtsite.deploy.config import Config
from gtsite.deploy.errors import BadConfig, DeployError, OutOfPatience, Refused
from gtsite.deploy.options import Difference, Option, differences, option_settings
from gtsite.deploy.preflight import find_platform
from gtsite.deploy.secret import find_secret_arns
from gtsite.deploy.steps import Kind
from gtsite.deploy.versions import Release
from gtsite.deploy.waiting import NotHealthy, Watch

MOST_CHANGES = 8
"""Of one turn: create, configure, deploy, and again where somebody else changes things as well."""

YOUNG_SECONDS = 60
"""For so long a role may be unknown to other services after IAM has made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One region, and what is wanted there."""

    config: Config
    account: str
    bundle: Bundle
    aws: Aws
    region: str

    @property
    def beanstalk(self) -> Beanstalk:
        return beanstalk_of(self.config, self.region, self.aws)

    @property
    def release(self) -> Release:
        return Release(config=self.config, bundle=self.bundle, beanstalk=self.beanstalk)

    def wanted_options(self) -> dict[Option, str]:
        """With the certificate and the secret as they are now; raises `BadConfig` without them."""
        arns = find_arns(self.config, self.region, self.aws)
        if arns.lacks(self.config):
            raise BadConfig(f"{self.region} has {arns.lacks(self.config)}.")
        return options_with(self.config, self.region, self.account, arns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arns:
    """What an environment's options point to; '' for what does not exist yet."""

    certificate: str
    secret: str

    def lacks(self, config: Config) -> str:
        """What has to be made first, as the object of a sentence; '' for nothing."""
        if not self.secret:
            return f"no secret {config.secret}: manage.py deploy secret create makes it"
        if config.domain and not self.certificate:
            return f"no issued certificate for {config.domain}: manage.py deploy plan says why"
        return ""


def beanstalk_of(config: Config, region: str, aws: Aws) -> Beanstalk:
    """The port to one region's share of a deployment."""
    return Beanstalk(
        aws=aws,
        region=region,
        application=config.application,
        environment=config.environment_name(region),
    )


def find_arns(config: Config, region: str, aws: Aws) -> Arns:
    """What exists of what the options point to; no other region is asked, which may be down."""
    there = replace(config, regions=(region,))
    return Arns(
        certificate=find_certificates(there, aws).get(region, ""),
        secret=find_secret_arns(there, aws).get(region, ""),
    )


def options_with(config: Config, region: str, account: str, arns: Arns) -> dict[Option, str]:
    """The options of one region's environment."""
    return option_settings(
        config,
        region,
        account=account,
        certificate_arn=arns.certificate,
        secret_arn=arns.secret,
    )


@dataclass(slots=True, kw_only=True)
class Turn:
    """One region's turn while it lasts, and what is needed to take it back.

    `is_changed` is whether the environment may no longer be what it was; `back_to` is the version
    that ran before, '' for none; `before` are the options before those in `configured` were set.
    """

    place: Place
    watch: Watch
    is_changed: bool = False
    back_to: str = ""
    before: dict[Option, str] = field(default_factory=dict)
    configured: tuple[Difference, ...] = ()
    _is_configured: bool = False
    _is_deployed: bool = False
    _is_passed: bool = False

    def run(self) -> None:
        """Everything; raises a `DeployError` for what went wrong, see `take_back`."""
        release = self.place.release
        release.make_application(self.watch)
        release.make_version(self.watch)
        self.bring()

    def bring(self) -> None:
        """The environment, once the version is there; returns when it is healthy on it."""
        self.watch.mark()
        for _ in range(MOST_CHANGES):
            state = self._looked_at()
            change = self._next_change(state)
            if change is not None:
                self.watch.mark()
                change()
            if change is None or self._is_passed:
                self._finish()
                return
        raise NotHealthy(
            f"{self.place.region} does not stay as it is made: somebody else is changing it too."
        )

    def take_back(self) -> None:
        """The version and the options that were there before; raises a `DeployError`.

        What came last goes back first: it meets again what it was healthy with.
        """
        self._calm_down()
        self.watch.mark()
        if self._is_deployed:
            self._put_version_back()
            self._put_options_back()
        else:
            self._put_options_back()
            self._put_version_back()

    @property
    def can_go_back(self) -> bool:
        return self.is_changed and bool(self.back_to or self.configured)

    def _looked_at(self) -> EnvironmentState | None:
        """What stands, once nothing is under way; what was under way may have been our change."""
        state = self.watch.settle()
        if self.is_changed and self.watch.diary.complaint:
            raise NotHealthy(f"Elastic Beanstalk says: {self.watch.diary.complaint}")
        if state is not None and not self.is_changed:
            self.back_to = self._before(state)
        return state

    def _before(self, state: EnvironmentState) -> str:
        if state.version != self._label:
            return state.version
        return self.place.release.find_previous()

    def _next_change(self, state: EnvironmentState | None) -> Callable[[], None] | None:
        if state is None:
            return self._create
        wanted = self.place.wanted_options()
        found = self._beanstalk.find_options()
        different = differences(wanted, found)
        if different and not self._is_configured:
            self.before = self.before or found
            return lambda: self._configure(state, different)
        if different:
            self._say_what_does_not_hold(different)
        if state.version != self._label:
            return lambda: self._deploy(state)
        return None

    def _create(self) -> None:
        """Again for a while where what is missing is a role, which IAM may just have made."""
        last_try_at = self.watch.clock.now() + YOUNG_SECONDS
        while True:
            is_last = self.watch.clock.now() >= last_try_at
            try:
                return self._create_once()
            except (NotHealthy, Refused) as error:
                if is_last or not self._is_for_lack_of_a_role(error):
                    raise
            self.watch.say(Kind.WAITING, "waiting for Elastic Beanstalk to know the new roles")
            self.watch.clock.sleep(self.watch.patience.poll_seconds)
            self.watch.mark()

    def _is_for_lack_of_a_role(self, error: DeployError) -> bool:
        """Whether nothing was made, and one of our roles is named as the reason."""
        config = self.place.config
        is_named = any(role in str(error) for role in (config.instance_role, config.service_role))
        return is_named and self.watch.settle() is None

    def _create_once(self) -> None:
        options, beanstalk = self.place.wanted_options(), self._beanstalk
        self._validate(options, exists=False)
        platform = find_platform(self.place.aws, self.place.region)
        self.watch.say(Kind.DOING, f"creating {beanstalk.environment} with {self._label}")
        self._ask(
            lambda: beanstalk.create_environment(
                self._label,
                cname_prefix=self.place.config.cname_prefix(self.place.account),
                platform=platform,
                options=options,
                tags=self.place.config.tags,
            ),
            lambda: beanstalk.find_environment() is not None,
        )
        self._pass_gate()

    def _configure(self, state: EnvironmentState, different: tuple[Difference, ...]) -> None:
        options = {each.option: each.wanted for each in different}
        self._validate(options, exists=True)
        self.place.release.remember(self.back_to)
        self.watch.say(Kind.DOING, f"setting {named(different)} in {state.name}")
        self.configured = different
        self._is_configured = self._ask(
            lambda: self._beanstalk.configure(options),
            lambda: self._is_under_way() or self._has(options),
        )
        if self._is_configured:
            self.watch.pass_gate(state.version)

    def _deploy(self, state: EnvironmentState) -> None:
        self.place.release.remember(self.back_to)
        self.watch.say(Kind.DOING, f"deploying {self._label} in place of {state.version}")
        self._is_deployed = True
        if self._ask(lambda: self._beanstalk.deploy(self._label), self._runs(self._label)):
            self._pass_gate()

    def _finish(self) -> None:
        """The gate once more: for what an earlier run began, and for what nobody waited for yet."""
        self.is_changed = self.is_changed or bool(self.back_to)
        if not self._is_passed:
            self._pass_gate()
        release = self.place.release
        self._tidy(release.confirm, "is not noted as such")
        self._tidy(lambda: release.prune(self.watch), "older versions are still there")

    def _tidy(self, act: Callable[[], None], otherwise: str) -> None:
        """What may as well be done by the next deployment."""
        try:
            act()
        except DeployError as error:
            self.watch.say(Kind.TROUBLE, f"{self._label} is healthy, and {otherwise}: {error}")

    def _pass_gate(self) -> None:
        self.watch.pass_gate(self._label)
        self._is_passed = True

    def _ask(self, change: Callable[[], None], holds: Callable[[], bool]) -> bool:
        was_changed, self.is_changed = self.is_changed, True
        try:
            return self.watch.insist(change, holds)
        except OutOfPatience:
            raise
        except DeployError:
            self.is_changed = was_changed
            raise

    def _runs(self, label: str) -> Callable[[], bool]:
        def holds() -> bool:
            state = self.watch.look()
            return state is not None and (state.is_under_way or state.version == label)

        return holds

    def _has(self, options: dict[Option, str]) -> bool:
        return not differences(options, self._beanstalk.find_options())

    def _is_under_way(self) -> bool:
        state = self.watch.look()
        return state is not None and state.is_under_way

    def _validate(self, options: dict[Option, str], *, exists: bool) -> None:
        try:
            found = self._beanstalk.complaints(options, exists=exists)
        except Refused:
            if exists:
                raise
            return  # options without an environment cannot be looked at: creating it will tell
        if found:
            raise NotHealthy(f"Elastic Beanstalk does not take the options: {' '.join(found)}")

    def _say_what_does_not_hold(self, different: tuple[Difference, ...]) -> None:
        self.watch.say(Kind.TROUBLE, f"Elastic Beanstalk keeps its own value of {named(different)}")

    def _calm_down(self) -> None:
        """Returns when nothing is under way; what still is is called off, if it can be.

        Raises `NotHealthy` when there is nothing to go back from.
        """
        seen = self.watch.seen
        if seen is not None and seen.is_under_way and seen.is_abortable:
            self.watch.say(Kind.DOING, "calling off the update that is under way")
            self.watch.insist(self._beanstalk.abort, self._is_calming_down)
        state = self.watch.settle()
        if state is None:
            raise NotHealthy("The environment is gone.")
        if self.back_to and state.version not in (self.back_to, self._label):
            raise NotHealthy(f"Somebody else has deployed {state.version}, which stays.")

    def _is_calming_down(self) -> bool:
        state = self.watch.look()
        return state is None or state.status == "Aborting" or state.is_ready

    def _put_version_back(self) -> None:
        if not self.back_to:
            return
        stands = self._running() == self.back_to
        if stands and (not self._is_deployed or self._is_back()):
            return
        self.watch.settle()
        self.watch.mark()
        self.watch.say(Kind.DOING, f"deploying {self.back_to} again")
        self._ask(lambda: self._beanstalk.deploy(self.back_to), self._runs(self.back_to))
        self.watch.pass_gate(self.back_to)

    def _is_back(self) -> bool:
        """Whether the service has put the version back by itself: healthy, and on every instance.

        A deployment that fails half way leaves the new version where it had got to.
        """
        try:
            self.watch.pass_gate(self.back_to)
        except NotHealthy:
            return False
        return self._beanstalk.find_running() <= {self.back_to}

    def _put_options_back(self) -> None:
        if not self.configured:
            return
        changed = [each.option for each in self.configured]
        values = {option: self.before[option] for option in changed if option in self.before}
        added = [option for option in changed if option not in self.before]
        running, standing = self._running(), self._beanstalk.find_options()
        if differences(values, standing) or any(option in standing for option in added):
            self.watch.mark()
            self.watch.say(Kind.DOING, f"setting {named(self.configured)} back")
            self._ask(lambda: self._beanstalk.configure(values, removed=added), self._is_under_way)
        self.watch.pass_gate(running)

    def _running(self) -> str:
        state = self.watch.settle()
        return state.version if state else ""

    @property
    def _label(self) -> str:
        return self.place.bundle.label

    @property
    def _beanstalk(self) -> Beanstalk:
        return self.place.beanstalk


def named(different: tuple[Difference, ...]) -> str:
    """The options that differ, for a sentence; values stay unsaid."""
    return ", ".join(each.sentence for each in different)
