"""moto's server, where IAM has those of AWS's own policies that a deployment attaches.

It has all 1,500 or none; all take it a second and a half in every new account. And where
Certificate Manager looks for the proof that it asked for.
"""

import json
import os
import sys
from unittest import mock

from moto.acm.models import CertBundle
from moto.iam import models
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.route53.models import route53_backends
from moto.server import main

from gtsite.deploy.policies import SERVICE_POLICIES


def keep_attached() -> None:
    """Has IAM know the few."""
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    names = {arn.rpartition("/")[2] for arn in SERVICE_POLICIES}
    every = json.loads(aws_managed_policies_data)
    vars(models)["aws_managed_policies_data"] = json.dumps({name: every[name] for name in names})


def issue_when_proven() -> None:
    """Has Certificate Manager issue once its proof stands in a zone, and not by the clock."""

    def check(certificate: CertBundle) -> None:
        if certificate.status == "PENDING_VALIDATION" and is_proven(certificate):
            certificate.status = "ISSUED"

    def is_proven(certificate: CertBundle) -> bool:
        options = certificate.describe()["Certificate"].get("DomainValidationOptions", [])
        zones = route53_backends[certificate.arn.split(":")[4]]["aws"].zones.values()
        records = [each for zone in zones for each in zone.rrsets if each.type == "CNAME"]
        standing = {(each.name, value) for each in records for value in each.records}
        proofs = [each["ResourceRecord"] for each in options]
        return bool(proofs) and {(each["Name"], each["Value"]) for each in proofs} <= standing

    mock.patch.object(CertBundle, "check", check).start()


if __name__ == "__main__":
    keep_attached()
    issue_when_proven()
    main(sys.argv[1:])
