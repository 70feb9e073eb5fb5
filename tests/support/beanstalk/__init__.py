"""A stand-in for Elastic Beanstalk that checks every request against botocore's service model."""

from tests.support.beanstalk.faults import Call, Visit
from tests.support.beanstalk.plays import (
    GREEN_THEN_RED,
    HALF_WAY,
    LAUNCH_FAILED,
    NEVER_ENDS,
    RED,
    ROLLED_BACK,
    SLOW,
    SUCCESS,
    WITH_ERRORS,
    Ending,
    Play,
)
from tests.support.beanstalk.region import Refusal
from tests.support.beanstalk.server import Beanstalk

__all__ = [
    "GREEN_THEN_RED",
    "HALF_WAY",
    "LAUNCH_FAILED",
    "NEVER_ENDS",
    "RED",
    "ROLLED_BACK",
    "SLOW",
    "SUCCESS",
    "WITH_ERRORS",
    "Beanstalk",
    "Call",
    "Ending",
    "Play",
    "Refusal",
    "Visit",
]
