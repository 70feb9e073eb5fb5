"""What Elastic Beanstalk looks up in the services beside it: S3 and IAM, as moto has them."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

KEYS = {"aws_access_key_id": "stand-in", "aws_secret_access_key": "stand-in"}
HOME = "us-east-1"


class Neighbours:
    """What lies in S3 and IAM; thread-safe."""

    def __init__(self, endpoint: str) -> None:
        session = boto3.session.Session(**KEYS)
        direct = Config(proxies={}, retries={"total_max_attempts": 1})
        self._s3, self._iam = (
            session.client(service, region_name=HOME, endpoint_url=endpoint, config=direct)
            for service in ("s3", "iam")
        )

    def make_bucket(self, bucket: str, region: str) -> None:
        """The bucket, if it is not there yet."""
        if self.region_of(bucket) is not None:
            return
        place: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self._s3.create_bucket(Bucket=bucket, **(place if region != HOME else {}))

    def region_of(self, bucket: str) -> str | None:
        """Where the bucket is; None if it is not."""
        try:
            told = self._s3.get_bucket_location(Bucket=bucket)
        except ClientError as error:
            _expect(error, "NoSuchBucket")
            return None
        return told["LocationConstraint"] or HOME

    def has_object(self, bucket: str, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            _expect(error, "404")
            return False
        return True

    def delete_object(self, bucket: str, key: str) -> None:
        self._s3.delete_object(Bucket=bucket, Key=key)

    def has_instance_profile(self, name: str) -> bool:
        try:
            self._iam.get_instance_profile(InstanceProfileName=name)
        except ClientError as error:
            _expect(error, "NoSuchEntity")
            return False
        return True

    def close(self) -> None:
        self._s3.close()
        self._iam.close()


def _expect(error: ClientError, code: str) -> None:
    if error.response["Error"]["Code"] != code:
        raise error
