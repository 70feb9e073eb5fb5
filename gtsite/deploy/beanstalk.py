"""What Elastic Beanstalk in one region says, and what it is asked for; nothing is decided here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gtsite.deploy.aws import Aws
from gtsite.deploy.errors import Refused
from gtsite.deploy.options import Option, as_request, from_answer

SERVICE = "elasticbeanstalk"
UNDER_WAY = frozenset({"Aborting", "Launching", "LinkingFrom", "LinkingTo", "Updating"})
ENDING = frozenset({"Terminated", "Terminating"})
SERIOUS = frozenset({"ERROR", "FATAL"})
MOST_EVENTS = 100
WEB_SERVER = {"Name": "WebServer", "Type": "Standard"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentState:
    """One environment as it stood when it was looked at; '' for what is not known.

    `health` is a colour (Green, Yellow, Red, Grey), `health_status` the enhanced word for it.
    `version` and `platform` are those the service holds for the running ones.
    """

    region: str
    application: str
    name: str
    id: str
    arn: str
    status: str
    health: str
    health_status: str
    version: str
    platform: str
    cname: str
    updated_at: datetime | None
    is_abortable: bool

    @property
    def url(self) -> str:
        return f"http://{self.cname}/"

    @property
    def is_ready(self) -> bool:
        return self.status == "Ready"

    @property
    def is_under_way(self) -> bool:
        """Something is being done to it, after which it stands again."""
        return self.status in UNDER_WAY

    @property
    def is_ending(self) -> bool:
        return self.status in ENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One application in one region."""

    arn: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionState:
    """One application version. `status` is the service's word, Processed for one to deploy."""

    label: str
    status: str
    bucket: str
    key: str
    description: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of an environment's own diary."""

    at: datetime
    severity: str
    message: str

    @property
    def is_serious(self) -> bool:
        return self.severity in SERIOUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Beanstalk:
    """One application's share of Elastic Beanstalk in one region; methods raise `DeployError`s."""

    aws: Aws
    region: str
    application: str
    environment: str

    def find_application(self) -> Application | None:
        """The application of that name, whoever made it."""
        told = self._ask("describe_applications", ApplicationNames=[self.application])
        found = [each for each in told.get("Applications", []) if self._is_ours(each)]
        if not found:
            return None
        return Application(arn=found[0]["ApplicationArn"], name=self.application)

    def create_application(self, description: str, tags: list[dict[str, str]]) -> None:
        self._ask(
            "create_application",
            ApplicationName=self.application,
            Description=description,
            Tags=tags,
        )

    def delete_application(self) -> None:
        """Its versions go with it, their files stay; refused while it has an environment."""
        self._ask("delete_application", ApplicationName=self.application)

    def find_storage(self) -> str:
        """The bucket for bundles; it is made if the region has none yet."""
        return str(self._ask("create_storage_location")["S3Bucket"])

    def find_version(self, label: str) -> VersionState | None:
        found = self._versions(VersionLabels=[label])
        return next((each for each in found if each.label == label), None)

    def list_versions(self) -> list[VersionState]:
        return self._versions()

    def create_version(
        self, label: str, *, bucket: str, key: str, description: str, tags: list[dict[str, str]]
    ) -> None:
        """Its files are looked at by the service afterwards: wait until it is Processed."""
        self._ask(
            "create_application_version",
            ApplicationName=self.application,
            VersionLabel=label,
            Description=description,
            SourceBundle={"S3Bucket": bucket, "S3Key": key},
            Process=True,
            Tags=tags,
        )

    def describe_version(self, label: str, description: str) -> None:
        """Writes the version's description; nothing that runs is touched by it."""
        self._ask(
            "update_application_version",
            ApplicationName=self.application,
            VersionLabel=label,
            Description=description,
        )

    def delete_version(self, label: str, *, with_bundle: bool) -> None:
        self._ask(
            "delete_application_version",
            ApplicationName=self.application,
            VersionLabel=label,
            DeleteSourceBundle=with_bundle,
        )

    def find_environment(self) -> EnvironmentState | None:
        """The environment of that name, whichever application's; None once it is Terminated."""
        told = self._ask(
            "describe_environments", EnvironmentNames=[self.environment], IncludeDeleted=False
        )
        states = [self._state(each) for each in told.get("Environments", [])]
        return next((state for state in states if state.status != "Terminated"), None)

    def list_environments(self) -> list[EnvironmentState]:
        """All of the application, whoever made them, but for those that are gone."""
        told = self._ask(
            "describe_environments", ApplicationName=self.application, IncludeDeleted=False
        )
        states = [self._state(each) for each in told.get("Environments", [])]
        return [state for state in states if state.status != "Terminated"]

    def is_tagged(self, arn: str, tags: Iterable[Mapping[str, str]]) -> bool:
        """Whether the application or environment carries all of the tags."""
        told = self._ask("list_tags_for_resource", ResourceArn=arn)
        carried = {each["Key"]: each.get("Value", "") for each in told.get("ResourceTags", [])}
        return all(carried.get(each["Key"]) == each["Value"] for each in tags)

    def is_cname_free(self, prefix: str) -> bool:
        return bool(self._ask("check_dns_availability", CNAMEPrefix=prefix)["Available"])

    def find_options(self) -> dict[Option, str]:
        """Every option of the environment that has a value, the service's defaults included."""
        told = self._ask(
            "describe_configuration_settings",
            ApplicationName=self.application,
            EnvironmentName=self.environment,
        )
        # A change that is being made, or failed, may be told beside what is in place.
        found = told.get("ConfigurationSettings", [])
        in_place = [each for each in found if each.get("DeploymentStatus") == "deployed"]
        settings = [option for each in in_place or found for option in each["OptionSettings"]]
        return from_answer(settings)

    def complaints(self, options: Mapping[Option, str], *, exists: bool) -> list[str]:
        """What the service has against these options; the application has to be there."""
        where = {"EnvironmentName": self.environment} if exists else {}
        told = self._ask(
            "validate_configuration_settings",
            ApplicationName=self.application,
            OptionSettings=as_request(options),
            **where,
        )
        found = told.get("Messages", [])
        return [each["Message"] for each in found if each.get("Severity") == "error"]

    def create_environment(
        self,
        label: str,
        *,
        cname_prefix: str,
        platform: str,
        options: Mapping[Option, str],
        tags: list[dict[str, str]],
    ) -> None:
        self._ask(
            "create_environment",
            ApplicationName=self.application,
            EnvironmentName=self.environment,
            CNAMEPrefix=cname_prefix,
            Tier=WEB_SERVER,
            SolutionStackName=platform,
            VersionLabel=label,
            OptionSettings=as_request(options),
            Tags=tags,
        )

    def deploy(self, label: str) -> None:
        """Has another version put in place; refused unless the environment is Ready."""
        self._ask("update_environment", EnvironmentName=self.environment, VersionLabel=label)

    def configure(self, options: Mapping[Option, str], *, removed: Iterable[Option] = ()) -> None:
        """Has options set, and others set back to their defaults; not together with a version."""
        gone = [{"Namespace": space, "OptionName": name} for space, name in sorted(removed)]
        request: dict[str, Any] = {"OptionsToRemove": gone} if gone else {}
        if options:
            request["OptionSettings"] = as_request(options)
        self._ask("update_environment", EnvironmentName=self.environment, **request)

    def restart(self) -> None:
        """Has the application server of every instance started again."""
        self._ask("restart_app_server", EnvironmentName=self.environment)

    def abort(self) -> None:
        """Calls off the update that is under way; the service puts back what was there before."""
        self._ask("abort_environment_update", EnvironmentName=self.environment)

    def terminate(self, environment_id: str) -> None:
        """The end of one environment and its instances, by id: names are given out again."""
        self._ask("terminate_environment", EnvironmentId=environment_id)

    def newest_event(self) -> Event | None:
        """The last thing the environment's diary says, by the service's own clock."""
        return next(iter(self._events(MaxRecords=1)), None)

    def events_since(self, at: datetime | None) -> list[Event]:
        """Oldest first, those at that very moment included; all that are told for None."""
        since = {} if at is None else {"StartTime": at}
        return sorted(self._events(MaxRecords=MOST_EVENTS, **since), key=lambda each: each.at)

    def find_causes(self) -> list[str]:
        """Why the environment's health is what it is; none where only basic health is known."""
        try:
            told = self._ask(
                "describe_environment_health",
                EnvironmentName=self.environment,
                AttributeNames=["Causes"],
            )
        except Refused:
            return []
        return list(told.get("Causes", []))

    def find_running(self) -> set[str]:
        """The versions that its instances run; none where only basic health is known."""
        request = {"EnvironmentName": self.environment, "AttributeNames": ["Deployment"]}
        running: set[str] = set()
        while True:
            try:
                told = self._ask("describe_instances_health", **request)
            except Refused:
                return running
            deployed = [each.get("Deployment", {}) for each in told.get("InstanceHealthList", [])]
            running |= {each["VersionLabel"] for each in deployed if each.get("VersionLabel")}
            if not told.get("NextToken"):
                return running
            request["NextToken"] = told["NextToken"]

    def _ask(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.aws.ask(SERVICE, self.region, operation, **request)

    def _versions(self, **request: Any) -> list[VersionState]:
        name, operation = self.application, "describe_application_versions"
        found: list[VersionState] = []
        while True:
            told = self._ask(operation, ApplicationName=name, **request)
            found += [_version(each) for each in told.get("ApplicationVersions", [])]
            if not told.get("NextToken"):
                return found
            request["NextToken"] = told["NextToken"]

    def _events(self, **request: Any) -> list[Event]:
        """One page, newest first: more than a page between two looks is more than people read."""
        try:
            told = self._ask("describe_events", EnvironmentName=self.environment, **request)
        except Refused as error:
            if error.code != "InvalidParameterValue":
                raise
            return []  # there is no such environment, and there never was
        return [
            Event(at=each["EventDate"], severity=each["Severity"], message=each["Message"])
            for each in told.get("Events", [])
        ]

    def _is_ours(self, told: Mapping[str, Any]) -> bool:
        return bool(told["ApplicationName"] == self.application)

    def _state(self, told: Mapping[str, Any]) -> EnvironmentState:
        return EnvironmentState(
            region=self.region,
            application=told.get("ApplicationName", ""),
            name=told["EnvironmentName"],
            id=told.get("EnvironmentId", ""),
            arn=told.get("EnvironmentArn", ""),
            status=told.get("Status", ""),
            health=told.get("Health", ""),
            health_status=told.get("HealthStatus", ""),
            version=told.get("VersionLabel", ""),
            platform=told.get("SolutionStackName", ""),
            cname=told.get("CNAME", ""),
            updated_at=told.get("DateUpdated"),
            is_abortable=bool(told.get("AbortableOperationInProgress")),
        )


def _version(told: Mapping[str, Any]) -> VersionState:
    bundle = told.get("SourceBundle", {})
    return VersionState(
        label=told["VersionLabel"],
        status=told.get("Status", ""),
        bucket=bundle.get("S3Bucket", ""),
        key=bundle.get("S3Key", ""),
        description=told.get("Description", ""),
        created_at=told.get("DateCreated"),
    )
