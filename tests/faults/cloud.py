"""Real servers for S3 and DynamoDB, and what lies in them, read with botocore and not with the station."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import importlib.util
import sys
from pathlib import Path

from evidence import Evidence, Tally
from station import Broken

HERE = Path(__file__).resolve().parent


def services_module():
    """tests/services/run.py, as a module: it installs, starts and stops the servers."""
    spec = importlib.util.spec_from_file_location("wiko_services", HERE.parent / "services" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Servers:
    """S3, DynamoDB, the stand-in for Claude and a keyring, for the whole run."""

    def __init__(self, stack: contextlib.ExitStack):
        services = services_module()
        try:
            venv, dynamodb = services.install()
            found = services.start_anew(stack, venv, dynamodb)
        except services.Trouble as trouble:
            raise Broken(f"the servers of tests/services do not start: {trouble}") from None
        self.s3, self.dynamodb = found["WIKO_TEST_S3_ENDPOINT"], found["WIKO_TEST_DYNAMODB_ENDPOINT"]
        self.bus = found["DBUS_SESSION_BUS_ADDRESS"]
        self.region = found["AWS_REGION"]
        self.keys = (found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"])
        self._made = 0
        self.site_packages = glob.glob(str(venv / "lib" / "python*" / "site-packages"))[0]
        sys.path.append(self.site_packages)
        import botocore.config
        import botocore.session

        session = botocore.session.Session()
        keys = {
            "aws_access_key_id": found["WIKO_TEST_ADMIN_ACCESS_KEY_ID"],
            "aws_secret_access_key": found["WIKO_TEST_ADMIN_SECRET_ACCESS_KEY"],
            "region_name": self.region,
        }
        self._s3 = session.create_client(
            "s3", endpoint_url=self.s3, config=botocore.config.Config(s3={"addressing_style": "path"}), **keys
        )
        self._dynamodb = session.create_client("dynamodb", endpoint_url=self.dynamodb, **keys)

    def cloud(self, name: str, versions: bool = True) -> Cloud:
        """A bucket, with versions, so that a second upload of the same picture would be seen, and a table."""
        self._made += 1
        name = f"faults-{name}-{self._made}"
        self._s3.create_bucket(Bucket=name)
        if versions:
            self._s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        self._dynamodb.create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": "defect_id", "KeyType": "HASH"},
                {"AttributeName": "timestamp", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "defect_id", "AttributeType": "S"},
                {"AttributeName": "timestamp", "AttributeType": "N"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        return Cloud(self, name)


class Cloud:
    """A bucket and a table of one fault's own."""

    def __init__(self, servers: Servers, name: str):
        self.servers, self.name = servers, name

    def environment(self, s3: str | None = None, dynamodb: str | None = None) -> dict[str, str]:
        """What tells a station of it, by way of other endpoints where given."""
        key, secret = self.servers.keys
        return {
            "WIKO_S3_BUCKET": self.name, "WIKO_DYNAMODB_TABLE": self.name, "WIKO_AWS_REGION": self.servers.region,
            "WIKO_S3_ENDPOINT": s3 or self.servers.s3,
            "WIKO_DYNAMODB_ENDPOINT": dynamodb or self.servers.dynamodb,
            "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
        }  # fmt: skip

    def objects(self) -> dict[str, list[str]]:
        """Of each part's id the keys of its pictures, one for each version."""
        found: dict[str, list[str]] = {}
        pages = self.servers._s3.get_paginator("list_object_versions").paginate(Bucket=self.name)
        for page in pages:
            for version in page.get("Versions", []) + page.get("DeleteMarkers", []):
                found.setdefault(Path(version["Key"]).stem, []).append(version["Key"])
        return found

    def remove(self) -> None:
        """All of it, where there are no versions: the next one wants its room."""
        keys = [{"Key": key} for keys in self.objects().values() for key in keys]
        for begin in range(0, len(keys), 1000):  # as many as S3 deletes at once
            self.servers._s3.delete_objects(Bucket=self.name, Delete={"Objects": keys[begin : begin + 1000]})
        self.servers._s3.delete_bucket(Bucket=self.name)
        self.servers._dynamodb.delete_table(TableName=self.name)

    def sha256(self, key: str) -> str:
        body = self.servers._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return hashlib.sha256(body).hexdigest()

    def items(self) -> dict[str, list[dict]]:
        found: dict[str, list[dict]] = {}
        for page in self.servers._dynamodb.get_paginator("scan").paginate(TableName=self.name):
            for item in page["Items"]:
                found.setdefault(item["defect_id"]["S"], []).append(item)
        return found

    def holds(self, evidence: Evidence, tally: Tally, all_of_them: bool = True) -> None:
        """Holds what lies there against the records: each decided part once, its picture and its latest revision.

        With `all_of_them` false only what the records call uploaded must be there.
        """
        objects, items = self.objects(), self.items()
        missing, wrong = [], []
        for id, row in evidence.rows.items():
            wanted = row.verdict != "pending" if all_of_them else row.uploaded_revision is not None
            if not wanted:
                continue
            if id not in objects or id not in items:
                missing.append(id)
                continue
            if self.sha256(objects[id][0]) != row.sha256 or items[id][0]["image_sha256"]["S"] != row.sha256:
                wrong.append(f"the picture of {id} in the cloud is another one")
            there = int(items[id][0]["revision"]["N"])
            least = row.revision if all_of_them else row.uploaded_revision
            if there < least or (all_of_them and there != row.revision):
                wrong.append(f"the item of {id} is at revision {there} instead of {least}")
            if all_of_them and len(items[id][0]["operator_decisions"]["L"]) != row.calls:
                wrong.append(f"the item of {id} lacks a person's call")
        doubled = [id for id, keys in objects.items() if len(keys) > 1]
        doubled += [id for id, several in items.items() if len(several) > 1]
        strangers = (set(objects) | set(items)) - set(evidence.rows)
        if strangers:
            wrong.append(f"{len(strangers)} parts in the cloud are not in the records: {sorted(strangers)[:3]}")
        tally.missing = (tally.missing or 0) + len(missing)
        tally.doubled = (tally.doubled or 0) + len(doubled)
        if wrong:
            raise Broken("; ".join(wrong[:5]))
