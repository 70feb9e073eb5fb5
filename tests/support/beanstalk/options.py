"""Which option settings Elastic Beanstalk knows for a load-balanced web server, and their values.

A namespace of variables takes any name. Where a pattern is written the value has to match it.
"""

import re

SWITCH = r"true|false"
NUMBER = r"\d+"
ANY = r".*"
FREE = (
    "aws:elasticbeanstalk:application:environment",
    "aws:elasticbeanstalk:application:environmentsecrets",
    "aws:elasticbeanstalk:environment:proxy:staticfiles",
)
LISTENER = re.compile(r"aws:elbv2:listener:(default|\d{1,5})")
PROCESS = re.compile(r"aws:elasticbeanstalk:environment:process:[A-Za-z0-9-]+")
SECRET_ARN = r"arn:aws[\w-]*:(secretsmanager|ssm):[a-z0-9-]+:\d{12}:\S+"
MOST_VARIABLE_BYTES = 4096

LISTENER_OPTIONS = {
    "ListenerEnabled": SWITCH,
    "Protocol": r"HTTP|HTTPS",
    "SSLCertificateArns": r"arn:aws[\w-]*:(acm|iam):\S+",
    "SSLPolicy": ANY,
    "DefaultProcess": ANY,
    "Rules": ANY,
}
PROCESS_OPTIONS = {
    "HealthCheckPath": r"/.*",
    "HealthCheckInterval": NUMBER,
    "HealthCheckTimeout": NUMBER,
    "HealthyThresholdCount": NUMBER,
    "UnhealthyThresholdCount": NUMBER,
    "MatcherHTTPCode": r"(\d{3}(-\d{3})?)|(\d{3}(,\d{3})*)",
    "DeregistrationDelay": NUMBER,
    "StickinessEnabled": SWITCH,
    "StickinessLBCookieDuration": NUMBER,
    "StickinessType": ANY,
    "Port": NUMBER,
    "Protocol": r"HTTP|HTTPS",
}
OPTIONS: dict[str, dict[str, str]] = {
    "aws:elasticbeanstalk:environment": {
        "EnvironmentType": r"SingleInstance|LoadBalanced",
        "LoadBalancerType": r"classic|application|network",
        "ServiceRole": r".+",
        "LoadBalancerIsShared": SWITCH,
    },
    "aws:autoscaling:launchconfiguration": {
        "IamInstanceProfile": r".+",
        "DisableIMDSv1": SWITCH,
        "RootVolumeType": r"standard|gp2|gp3|io1",
        "RootVolumeSize": NUMBER,
        "EC2KeyName": ANY,
        "InstanceType": ANY,
        "SecurityGroups": ANY,
        "DisableDefaultEC2SecurityGroup": SWITCH,
        "LaunchTemplateTagPropagationEnabled": SWITCH,
        "MonitoringInterval": r"1 minute|5 minute",
    },
    "aws:ec2:instances": {
        "InstanceTypes": r"[a-z0-9-]+\.[a-z0-9-]+(\s*,\s*[a-z0-9-]+\.[a-z0-9-]+)*",
        "EnableSpot": SWITCH,
        "SupportedArchitectures": ANY,
    },
    "aws:ec2:vpc": dict.fromkeys(
        ("VPCId", "Subnets", "ELBSubnets", "ELBScheme", "AssociatePublicIpAddress"), ANY
    ),
    "aws:autoscaling:asg": {
        "MinSize": NUMBER,
        "MaxSize": NUMBER,
        "Cooldown": NUMBER,
        "Availability Zones": ANY,
        "EnableCapacityRebalancing": SWITCH,
    },
    "aws:autoscaling:trigger": dict.fromkeys(
        (
            "MeasureName",
            "Statistic",
            "Unit",
            "Period",
            "EvaluationPeriods",
            "BreachDuration",
            "LowerThreshold",
            "LowerBreachScaleIncrement",
            "UpperThreshold",
            "UpperBreachScaleIncrement",
        ),
        ANY,
    ),
    "aws:autoscaling:updatepolicy:rollingupdate": {
        "RollingUpdateEnabled": SWITCH,
        "RollingUpdateType": r"Time|Health|Immutable",
        "MaxBatchSize": NUMBER,
        "MinInstancesInService": NUMBER,
        "PauseTime": ANY,
        "Timeout": ANY,
    },
    "aws:elasticbeanstalk:command": {
        "DeploymentPolicy": (
            r"AllAtOnce|Rolling|RollingWithAdditionalBatch|Immutable|TrafficSplitting"
        ),
        "BatchSizeType": r"Percentage|Fixed",
        "BatchSize": NUMBER,
        "Timeout": NUMBER,
        "IgnoreHealthCheck": SWITCH,
    },
    "aws:elasticbeanstalk:trafficsplitting": {
        "NewVersionPercent": NUMBER,
        "EvaluationTime": NUMBER,
    },
    "aws:elasticbeanstalk:application": {"Application Healthcheck URL": ANY},
    "aws:elbv2:loadbalancer": {
        "IdleTimeout": NUMBER,
        "AccessLogsS3Enabled": SWITCH,
        "AccessLogsS3Bucket": ANY,
        "AccessLogsS3Prefix": ANY,
        "SecurityGroups": ANY,
        "ManagedSecurityGroup": ANY,
    },
    "aws:elasticbeanstalk:healthreporting:system": {
        "SystemType": r"basic|enhanced",
        "HealthCheckSuccessThreshold": r"Ok|Warning|Degraded|Severe",
        "ConfigDocument": ANY,
        "EnhancedHealthAuthEnabled": SWITCH,
    },
    "aws:elasticbeanstalk:cloudwatch:logs": {
        "StreamLogs": SWITCH,
        "DeleteOnTerminate": SWITCH,
        "RetentionInDays": NUMBER,
    },
    "aws:elasticbeanstalk:cloudwatch:logs:health": {
        "HealthStreamingEnabled": SWITCH,
        "DeleteOnTerminate": SWITCH,
        "RetentionInDays": NUMBER,
    },
    "aws:elasticbeanstalk:managedactions": {
        "ManagedActionsEnabled": SWITCH,
        "PreferredStartTime": r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun):([01]\d|2[0-3]):[0-5]\d",
        "ServiceRoleForManagedUpdates": r".+",
    },
    "aws:elasticbeanstalk:managedactions:platformupdate": {
        "UpdateLevel": r"patch|minor",
        "InstanceRefreshEnabled": SWITCH,
    },
    "aws:elasticbeanstalk:environment:proxy": {"ProxyServer": r"nginx|apache|none"},
    "aws:elasticbeanstalk:sns:topics": {
        "Notification Endpoint": ANY,
        "Notification Protocol": ANY,
    },
    "aws:elasticbeanstalk:container:python": {
        "WSGIPath": ANY,
        "NumProcesses": NUMBER,
        "NumThreads": NUMBER,
    },
    "aws:elasticbeanstalk:xray": {"XRayEnabled": SWITCH},
    "aws:elasticbeanstalk:control": {"DefaultSSHPort": NUMBER, "LaunchTimeout": NUMBER},
    "aws:elasticbeanstalk:hostmanager": {"LogPublicationControl": SWITCH},
}
DEFAULTS: dict[tuple[str, str], str] = {
    ("aws:autoscaling:asg", "MinSize"): "1",
    ("aws:autoscaling:asg", "MaxSize"): "4",
    ("aws:autoscaling:asg", "Cooldown"): "360",
    ("aws:autoscaling:asg", "Availability Zones"): "Any",
    ("aws:autoscaling:launchconfiguration", "MonitoringInterval"): "5 minute",
    ("aws:ec2:instances", "EnableSpot"): "false",
    ("aws:elasticbeanstalk:command", "DeploymentPolicy"): "AllAtOnce",
    ("aws:elasticbeanstalk:command", "Timeout"): "600",
    ("aws:elasticbeanstalk:command", "IgnoreHealthCheck"): "false",
    ("aws:elasticbeanstalk:environment", "EnvironmentType"): "LoadBalanced",
    ("aws:elasticbeanstalk:environment", "LoadBalancerType"): "classic",
    ("aws:elasticbeanstalk:managedactions", "ManagedActionsEnabled"): "false",
    ("aws:elasticbeanstalk:healthreporting:system", "SystemType"): "basic",
    ("aws:elasticbeanstalk:cloudwatch:logs", "StreamLogs"): "false",
}
"""What DescribeConfigurationSettings also says of options that nobody set."""


def complaint(namespace: str, name: str, value: str) -> str:
    """Why the service would not take an option setting; '' if it would."""
    where = f"(Namespace: '{namespace}', OptionName: '{name}')"
    pattern = _pattern(namespace, name)
    if pattern is None:
        return f"Invalid option specification {where}: Unknown configuration setting."
    if not re.fullmatch(pattern, value, re.DOTALL):
        return f"Invalid option value: '{value}' {where}: Value does not satisfy '{pattern}'"
    return ""


def too_many_variables(options: dict[tuple[str, str], str]) -> bool:
    """Whether the variables are more than an environment can hold."""
    variables = [
        f"{name}={value},".encode() for (space, name), value in options.items() if space == FREE[0]
    ]
    return sum(map(len, variables)) > MOST_VARIABLE_BYTES


def _pattern(namespace: str, name: str) -> str | None:
    if namespace in FREE:
        return SECRET_ARN if namespace.endswith("secrets") else ANY
    if LISTENER.fullmatch(namespace):
        return LISTENER_OPTIONS.get(name)
    if PROCESS.fullmatch(namespace):
        return PROCESS_OPTIONS.get(name)
    return OPTIONS.get(namespace, {}).get(name)
