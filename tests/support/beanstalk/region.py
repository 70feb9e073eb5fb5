"""Elastic Beanstalk of one region: every operation that a deployment asks for, and what it refuses.

Codes and conditions are the service's; the sentences are to be read by people, not compared.
"""

import secrets
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from botocore import xform_name

from tests.support.beanstalk import plays
from tests.support.beanstalk.environments import (
    ACCOUNT,
    Application,
    Clock,
    Content,
    Environment,
    Event,
    Options,
    Version,
)
from tests.support.beanstalk.neighbours import Neighbours
from tests.support.beanstalk.options import DEFAULTS, complaint, too_many_variables
from tests.support.beanstalk.plays import Change, Play

Request = dict[str, Any]
Answer = dict[str, Any]

SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
STACKS = (
    "64bit Amazon Linux 2023 v4.9.1 running Python 3.14",
    "64bit Amazon Linux 2023 v4.10.0 running Python 3.13",
    "64bit Amazon Linux 2023 v4.9.1 running Python 3.13",
    "64bit Amazon Linux 2023 v4.10.0 running Python 3.12",
    "64bit Amazon Linux 2023 v4.10.0 running Python 3.11",
    "64bit Amazon Linux 2023 v4.10.0 running Python 3.9",
    "64bit Amazon Linux 2 v3.7.13 running Python 3.8",
    "64bit Amazon Linux 2023 v6.6.5 running Node.js 22",
    "64bit Amazon Linux 2023 v4.7.8 running Docker",
    "64bit Windows Server 2022 v2.19.2 running IIS 10.0",
)
PROFILE = ("aws:autoscaling:launchconfiguration", "IamInstanceProfile")
SIZES = ("aws:autoscaling:asg", "MinSize"), ("aws:autoscaling:asg", "MaxSize")
PROCESSING_POLLS = 1
PAGE = 100
MOST_TAGS = 50


class Refusal(Exception):
    """What the service does not do: its code, and a sentence."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Region:
    """One region. Callers hold one lock around everything here."""

    def __init__(self, name: str, neighbours: Neighbours) -> None:
        self.name = name
        self.clock = Clock()
        self.stacks: Sequence[str] = STACKS
        self.plays: deque[Play] = deque()
        self.failing_versions: set[str] = set()
        self.taken_prefixes: set[str] = set()
        self.profile_unknown_to: Counter[str] = Counter()
        self.applications: dict[str, Application] = {}
        self.versions: list[Version] = []
        self.environments: list[Environment] = []
        self.events: list[Event] = []
        self._neighbours = neighbours

    def answer(self, operation: str, request: Request) -> Answer:
        """What the operation says; raises `Refusal`."""
        method = getattr(self, f"_{xform_name(operation)}", None)
        if method is None:
            raise Refusal("InvalidAction", f"The stand-in does not know {operation}.", 501)
        answer: Answer | None = method(request)
        return answer or {}

    def environment(self, name: str) -> Environment:
        """The one that exists by that name; raises `Refusal`."""
        return self._environment({"EnvironmentName": name})

    # Applications

    def _create_application(self, request: Request) -> Answer:
        name = request["ApplicationName"]
        if name in self.applications:
            raise Refusal("InvalidParameterValue", f"Application {name} already exists.")
        self.applications[name] = Application(
            name=name,
            description=request.get("Description", ""),
            tags=_tags(request),
            created=self.clock.now(),
        )
        return {"Application": self._told_application(self.applications[name])}

    def _describe_applications(self, request: Request) -> Answer:
        wanted = request.get("ApplicationNames") or list(self.applications)
        found = [each for name, each in self.applications.items() if name in wanted]
        return {"Applications": [self._told_application(each) for each in found]}

    def _delete_application(self, request: Request) -> None:
        name = request["ApplicationName"]
        here = [each for each in self.environments if each.application == name and each.exists]
        if here and not request.get("TerminateEnvByForce"):
            raise Refusal(
                "InvalidParameterValue",
                f"Unable to delete application {name} because it has running environments.",
            )
        for each in here:
            each.settle()
            each.begin(Change.TERMINATE, each.content, Play(polls=0))
        self.versions = [each for each in self.versions if each.application != name]
        self.applications.pop(name, None)

    def _told_application(self, application: Application) -> Answer:
        return {
            "ApplicationArn": self._arn("application", application.name),
            "ApplicationName": application.name,
            "Description": application.description,
            "DateCreated": application.created,
            "DateUpdated": application.created,
            "Versions": [
                each.label for each in self.versions if each.application == application.name
            ],
            "ConfigurationTemplates": [],
        }

    def _known_application(self, request: Request) -> Application:
        name = request["ApplicationName"]
        if name not in self.applications:
            raise Refusal("InvalidParameterValue", f"No Application named '{name}' found.")
        return self.applications[name]

    # Versions

    def _create_storage_location(self, _request: Request) -> Answer:
        bucket = f"elasticbeanstalk-{self.name}-{ACCOUNT}"
        self._neighbours.make_bucket(bucket, self.name)
        return {"S3Bucket": bucket}

    def _create_application_version(self, request: Request) -> Answer:
        application = self._known_application(request)
        label, source = request["VersionLabel"], request.get("SourceBundle", {})
        if self._versions(application.name, [label]):
            raise Refusal("InvalidParameterValue", f"Application Version {label} already exists.")
        bucket, key = source.get("S3Bucket", ""), source.get("S3Key", "")
        self._check_source(bucket, key)
        version = Version(
            application=application.name,
            label=label,
            description=request.get("Description", ""),
            bucket=bucket,
            key=key,
            tags=_tags(request),
            created=self.clock.now(),
            status="Processing" if request.get("Process") else "Unprocessed",
            polls_left=PROCESSING_POLLS,
            fails=label in self.failing_versions,
        )
        self.versions.append(version)
        return {"ApplicationVersion": self._told_version(version)}

    def _check_source(self, bucket: str, key: str) -> None:
        where = f"(Bucket: {bucket} Key: {key})"
        region = self._neighbours.region_of(bucket) if bucket else None
        if region not in (None, self.name):
            raise Refusal(
                "S3LocationNotInServiceRegionException",
                f"The S3 location {where} is in {region}, and this is {self.name}.",
            )
        if region is None or not self._neighbours.has_object(bucket, key):
            raise Refusal(
                "InvalidParameterCombination",
                f"Unable to download from S3 location {where}. Reason: Not Found",
            )

    def _describe_application_versions(self, request: Request) -> Answer:
        found = self._versions(request.get("ApplicationName"), request.get("VersionLabels"))
        for each in found:
            each.poll()
        newest_first = sorted(found, key=lambda each: each.created, reverse=True)
        shown, more = _page([self._told_version(each) for each in newest_first], request)
        return {"ApplicationVersions": shown, **more}

    def _update_application_version(self, request: Request) -> Answer:
        label = request["VersionLabel"]
        found = self._versions(request["ApplicationName"], [label])
        if not found:
            raise Refusal("InvalidParameterValue", f"No Application Version named '{label}' found.")
        found[0].description = request.get("Description", found[0].description)
        return {"ApplicationVersion": self._told_version(found[0])}

    def _delete_application_version(self, request: Request) -> None:
        (found,) = self._versions(request["ApplicationName"], [request["VersionLabel"]]) or (None,)
        if found is None:
            return
        if any(each.version == found.label and each.exists for each in self.environments):
            raise Refusal(
                "InvalidParameterValue", f"Version {found.label} is deployed to an environment."
            )
        if request.get("DeleteSourceBundle"):
            self._neighbours.delete_object(found.bucket, found.key)
        self.versions.remove(found)

    def _versions(self, application: str | None, labels: Sequence[str] | None) -> list[Version]:
        return [
            each
            for each in self.versions
            if application in (None, each.application) and (not labels or each.label in labels)
        ]

    def _told_version(self, version: Version) -> Answer:
        path = f"{version.application}/{version.label}"
        return {
            "ApplicationVersionArn": self._arn("applicationversion", path),
            "ApplicationName": version.application,
            "Description": version.description,
            "VersionLabel": version.label,
            "SourceBundle": {"S3Bucket": version.bucket, "S3Key": version.key},
            "DateCreated": version.created,
            "DateUpdated": version.created,
            "Status": version.status,
        }

    def _usable_version(self, application: str, label: str) -> None:
        found = self._versions(application, [label])
        if not found:
            raise Refusal("InvalidParameterValue", f"No Application Version named '{label}' found.")
        if found[0].status in ("Processing", "Building", "Failed"):
            raise Refusal(
                "InvalidParameterValue",
                f"Application Version '{label}' is {found[0].status} and cannot be deployed.",
            )

    # Before an environment

    def _check_dns_availability(self, request: Request) -> Answer:
        cname = self._cname(request["CNAMEPrefix"])
        return {"Available": not self._is_taken(cname), "FullyQualifiedCNAME": cname}

    def _list_available_solution_stacks(self, _request: Request) -> Answer:
        return {
            "SolutionStacks": list(self.stacks),
            "SolutionStackDetails": [
                {"SolutionStackName": each, "PermittedFileTypes": ["zip"]} for each in self.stacks
            ],
        }

    def _validate_configuration_settings(self, request: Request) -> Answer:
        self._known_application(request)
        if name := request.get("EnvironmentName"):
            self.environment(name)
        found = [
            (each, self._would_complain(each["Namespace"], each["OptionName"], each["Value"]))
            for each in request["OptionSettings"]
        ]
        return {
            "Messages": [
                {
                    "Message": message,
                    "Severity": "error",
                    "Namespace": each["Namespace"],
                    "OptionName": each["OptionName"],
                }
                for each, message in found
                if message
            ]
        }

    def _would_complain(self, namespace: str, name: str, value: str) -> str:
        found = complaint(namespace, name, value)
        is_profile = (namespace, name) == PROFILE
        if found or not is_profile or self._knows(value, "ValidateConfigurationSettings"):
            return found
        return (
            f"Invalid option value: '{value}' (Namespace: '{namespace}', OptionName: '{name}'): "
            f"The instance profile {value} does not exist."
        )

    def _knows(self, profile: str, operation: str) -> bool:
        """Whether IAM has it, and Elastic Beanstalk has heard of it."""
        if self.profile_unknown_to[operation]:
            self.profile_unknown_to[operation] -= 1
            return False
        return self._neighbours.has_instance_profile(profile)

    # Environments

    def _create_environment(self, request: Request) -> Answer:
        application, name = self._known_application(request), request.get("EnvironmentName", "")
        self._check_new(request, name)
        options = self._options(request, {})
        self._usable_version(application.name, request.get("VersionLabel", ""))
        content = Content(
            version=request["VersionLabel"], stack=request["SolutionStackName"], options=options
        )
        environment = self.stand(request, content)
        self._begin(environment, Change.LAUNCH, content)
        profile = options.get(PROFILE, "")
        if not profile or not self._knows(profile, "CreateEnvironment"):
            environment.begin(Change.LAUNCH, content, plays.LAUNCH_FAILED)
            self.tell(environment, [plays.no_profile(profile)], content.version)
        return environment.described()

    def _check_new(self, request: Request, name: str) -> None:
        if any(each.name == name and each.exists for each in self.environments):
            raise Refusal("InvalidParameterValue", f"Environment {name} already exists.")
        prefix = request.get("CNAMEPrefix")
        if prefix and self._is_taken(self._cname(prefix)):
            raise Refusal(
                "InvalidParameterValue", f"DNS name ({self._cname(prefix)}) is not available."
            )
        stack = request.get("SolutionStackName")
        if stack not in self.stacks:
            raise Refusal("InvalidParameterValue", f"No Solution Stack named '{stack}' found.")

    def stand(self, request: Request, content: Content) -> Environment:
        """A new environment, Ready and Green."""
        now = self.clock.now()
        prefix = (
            request.get("CNAMEPrefix") or f"{request['EnvironmentName']}.{secrets.token_hex(4)}"
        )
        environment = Environment(
            name=request["EnvironmentName"],
            application=request["ApplicationName"],
            region=self.name,
            cname=self._cname(prefix),
            description=request.get("Description", ""),
            tags=_tags(request),
            content=content,
            created=now,
            updated=now,
        )
        self.environments.append(environment)
        return environment

    def _update_environment(self, request: Request) -> Answer:
        label = request.get("VersionLabel")
        configures = any(request.get(each) for each in ("OptionSettings", "OptionsToRemove"))
        environment = self._environment(request)
        if label and (configures or request.get("SolutionStackName")):
            raise Refusal(
                "InvalidParameterCombination",
                "Attempting to update both the release and configuration is not allowed.",
            )
        self._must_be_ready(environment)
        if label:
            self._usable_version(environment.application, label)
            wanted, change = replace(environment.content, version=label), Change.DEPLOY
        else:
            wanted, change = self._reconfigured(environment, request), Change.CONFIGURE
        self._begin(environment, change, wanted)
        return environment.described()

    def _reconfigured(self, environment: Environment, request: Request) -> Content:
        stack = request.get("SolutionStackName", environment.content.stack)
        if stack not in self.stacks:
            raise Refusal("InvalidParameterValue", f"No Solution Stack named '{stack}' found.")
        options = self._options(request, environment.options)
        return replace(environment.content, stack=stack, options=options)

    def _options(self, request: Request, before: Options) -> Options:
        """What the options are with the request's; raises `Refusal` for the first that is wrong."""
        options = dict(before)
        for each in request.get("OptionsToRemove", []):
            options.pop((each["Namespace"], each["OptionName"]), None)
        for each in request.get("OptionSettings", []):
            place, value = (each["Namespace"], each["OptionName"]), each.get("Value", "")
            if message := complaint(*place, value):
                raise _unfit(message)
            options[place] = value
        least, most = (int({**DEFAULTS, **options}[size]) for size in SIZES)
        if least > most:
            raise _unfit(f"MinSize is {least}, more than MaxSize, which is {most}.")
        if too_many_variables(options):
            raise _unfit("The environment's variables have more than 4096 bytes.")
        return options

    def _restart_app_server(self, request: Request) -> None:
        environment = self._environment(request)
        self._must_be_ready(environment)
        self._begin(environment, Change.RESTART, environment.content)

    def _abort_environment_update(self, request: Request) -> None:
        environment = self._environment(request)
        if environment.change not in (Change.DEPLOY, Change.CONFIGURE):
            raise Refusal(
                "InvalidParameterValue",
                f"Environment {environment.name} has no update that could be aborted.",
            )
        environment.abort()

    def _terminate_environment(self, request: Request) -> Answer:
        environment = self._environment(request)
        if environment.frame.status not in ("Ready", "Launching"):
            self._must_be_ready(environment)
        self._begin(environment, Change.TERMINATE, environment.content)
        return environment.described()

    def _begin(self, environment: Environment, change: Change, wanted: Content) -> None:
        play = self.plays.popleft() if self.plays else plays.SUCCESS
        environment.updated = self.clock.now()
        environment.begin(change, wanted, play)
        self.tell(environment, [plays.opening(change, environment.name)], wanted.version)

    def _must_be_ready(self, environment: Environment) -> None:
        if not environment.is_ready:
            raise Refusal(
                "InvalidParameterValue",
                f"Environment named {environment.name} is in an invalid state for this "
                "operation. Must be Ready.",
            )

    def _environment(self, request: Request) -> Environment:
        name, key = request.get("EnvironmentName"), request.get("EnvironmentId")
        if name is None and key is None:
            raise Refusal(
                "MissingParameter", "Either EnvironmentName or EnvironmentId has to be given."
            )
        for each in self.environments:
            if each.exists and (each.name == name or each.id == key):
                return each
        told = f"EnvironmentName = '{name}'" if name else f"EnvironmentId = '{key}'"
        raise Refusal("InvalidParameterValue", f"No Environment found for {told}.")

    def _cname(self, prefix: str) -> str:
        return f"{prefix}.{self.name}.elasticbeanstalk.com".lower()

    def _is_taken(self, cname: str) -> bool:
        ours = {each.cname for each in self.environments if each.exists}
        return cname in ours or cname.partition(".")[0] in self.taken_prefixes

    # Looking at environments

    def _describe_environments(self, request: Request) -> Answer:
        """Time passes. Unless told otherwise the service also shows what was there until lately."""
        found = [each for each in self.environments if _is_asked_for(each, request)]
        for each in found:
            self.tell(each, each.poll(), each.version)
        shown = [each for each in found if each.exists or request.get("IncludeDeleted", True)]
        told, more = _page([each.described() for each in shown], request)
        return {"Environments": told, **more}

    def _describe_environment_health(self, request: Request) -> Answer:
        environment = self._environment(request)
        frame = environment.frame
        ill = not frame.serves
        everything = {
            "HealthStatus": frame.health,
            "Status": frame.color,
            "Color": frame.color,
            "Causes": [plays.SEVERE[1][1]] if ill and environment.is_ready else [],
            "ApplicationMetrics": {"RequestCount": 0},
            "InstancesHealth": {"Ok": 0 if ill else 2, "Severe": 2 if ill else 0},
            "RefreshedAt": self.clock.now(),
        }
        wanted = set(request.get("AttributeNames", []))
        told = {name: each for name, each in everything.items() if {name, "All"} & wanted}
        return {"EnvironmentName": environment.name, **told}

    def _describe_instances_health(self, request: Request) -> Answer:
        environment = self._environment(request)
        if "Deployment" not in request.get("AttributeNames", []):
            raise Refusal("InvalidAction", "The stand-in tells of deployments only.", 501)
        running = [environment.version, *sorted(environment.strays)]
        deployed = [{"VersionLabel": each, "Status": "Deployed"} for each in running]
        return {
            "InstanceHealthList": [
                {"InstanceId": f"i-{number:017x}", "Deployment": each}
                for number, each in enumerate(deployed)
            ]
        }

    def _describe_environment_resources(self, request: Request) -> Answer:
        environment = self._environment(request)
        stack = f"awseb-{environment.id}-stack"
        balancer = f"arn:aws:elasticloadbalancing:{self.name}:{ACCOUNT}:loadbalancer/app/{stack}"
        return {
            "EnvironmentResources": {
                "EnvironmentName": environment.name,
                "AutoScalingGroups": [{"Name": f"{stack}-AWSEBAutoScalingGroup"}],
                "Instances": [{"Id": "i-0a1b2c3d4e5f60718"}, {"Id": "i-0b1c2d3e4f5061728"}],
                "LaunchConfigurations": [],
                "LaunchTemplates": [{"Id": "lt-0a1b2c3d4e5f60718"}],
                "LoadBalancers": [{"Name": balancer}],
                "Triggers": [],
                "Queues": [],
            }
        }

    def _describe_configuration_settings(self, request: Request) -> Answer:
        self._known_application(request)
        environment = self._environment(request)
        told = [_told_settings(environment, environment.content, "deployed")]
        if environment.change is Change.CONFIGURE:
            told.append(_told_settings(environment, environment.shown, "pending"))
        if environment.refused is not None:
            failed = replace(environment.content, options=environment.refused)
            told.append(_told_settings(environment, failed, "failed"))
        return {"ConfigurationSettings": told}

    def _describe_events(self, request: Request) -> Answer:
        found = [each for each in reversed(self.events) if _is_event_asked_for(each, request)]
        told = [
            {
                "EventDate": each.at,
                "Message": each.message,
                "ApplicationName": each.application,
                "EnvironmentName": each.environment,
                "VersionLabel": each.version,
                "Severity": each.severity,
            }
            for each in found
        ]
        shown, more = _page(told, request)
        return {"Events": shown, **more}

    def tell(self, environment: Environment, said: Iterable[tuple[str, str]], version: str) -> None:
        """Writes events down."""
        for severity, message in said:
            self.events.append(
                Event(
                    at=self.clock.now(),
                    severity=severity,
                    message=message,
                    application=environment.application,
                    environment=environment.name,
                    version=version,
                )
            )

    # Tags

    def _list_tags_for_resource(self, request: Request) -> Answer:
        arn = request["ResourceArn"]
        tags = [{"Key": key, "Value": value} for key, value in self._tagged(arn).items()]
        return {"ResourceArn": arn, "ResourceTags": tags}

    def _update_tags_for_resource(self, request: Request) -> None:
        tags = self._tagged(request["ResourceArn"])
        for key in request.get("TagsToRemove", []):
            tags.pop(key, None)
        tags |= {each["Key"]: each["Value"] for each in request.get("TagsToAdd", [])}
        if len(tags) > MOST_TAGS:
            raise Refusal("TooManyTagsException", f"A resource has at most {MOST_TAGS} tags.")

    def _tagged(self, arn: str) -> dict[str, str]:
        holders: dict[str, dict[str, str]] = {
            self._arn("application", name): each.tags for name, each in self.applications.items()
        }
        holders |= {each.arn: each.tags for each in self.environments if each.exists}
        holders |= {
            self._arn("applicationversion", f"{each.application}/{each.label}"): each.tags
            for each in self.versions
        }
        if arn not in holders:
            raise Refusal("ResourceNotFoundException", f"Resource not found for ARN '{arn}'.")
        return holders[arn]

    def _arn(self, kind: str, path: str) -> str:
        return f"arn:aws:elasticbeanstalk:{self.name}:{ACCOUNT}:{kind}/{path}"


def _tags(request: Request) -> dict[str, str]:
    return {each["Key"]: each.get("Value", "") for each in request.get("Tags", [])}


def _told_settings(environment: Environment, content: Content, status: str) -> Answer:
    return {
        "SolutionStackName": content.stack,
        "ApplicationName": environment.application,
        "EnvironmentName": environment.name,
        "DeploymentStatus": status,
        "DateCreated": environment.created,
        "DateUpdated": environment.updated,
        "OptionSettings": [
            {"Namespace": space, "OptionName": name, "Value": value}
            for (space, name), value in sorted({**DEFAULTS, **content.options}.items())
        ],
    }


def _unfit(message: str) -> Refusal:
    return Refusal(
        "ConfigurationValidationException", f"Configuration validation exception: {message}"
    )


def _page(rows: list[Answer], request: Request) -> tuple[list[Answer], Answer]:
    """One page of rows, and the token of the next if there is one."""
    start = int(request.get("NextToken", "0"))
    end = start + request.get("MaxRecords", PAGE)
    return rows[start:end], {"NextToken": str(end)} if end < len(rows) else {}


def _is_asked_for(environment: Environment, request: Request) -> bool:
    return (
        request.get("ApplicationName") in (None, environment.application)
        and request.get("VersionLabel") in (None, environment.version)
        and environment.name in (request.get("EnvironmentNames") or [environment.name])
        and environment.id in (request.get("EnvironmentIds") or [environment.id])
    )


def _is_event_asked_for(event: Event, request: Request) -> bool:
    least = SEVERITIES.index(request.get("Severity", "TRACE"))
    return (
        request.get("ApplicationName") in (None, event.application)
        and request.get("EnvironmentName") in (None, event.environment)
        and request.get("VersionLabel") in (None, event.version)
        and SEVERITIES.index(event.severity) >= least
        and request.get("StartTime", event.at) <= event.at
        and event.at <= request.get("EndTime", event.at)
    )
