"""Yardstick of the records' half of an upload: items to DynamoDB with botocore, a number of them at once.

    python3 put_items.py SITE_PACKAGES ENDPOINT REGION TABLE ITEMS WORKERS

ITEMS is a JSON file of items as DynamoDB has them. Prints `ready` once botocore is loaded, and begins when a line
is read: what it takes to start is not counted against us. Each item is put only where it is not there yet, as ours.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor


def main() -> None:
    site_packages, endpoint, region, table, items, workers = sys.argv[1:]
    sys.path.append(site_packages)
    import botocore.config
    import botocore.session

    config = botocore.config.Config(max_pool_connections=int(workers))
    client = botocore.session.Session().create_client(
        "dynamodb", endpoint_url=endpoint, region_name=region, config=config
    )
    with open(items, encoding="utf-8") as file:
        rows = json.load(file)

    def put(row: dict) -> None:
        client.put_item(TableName=table, Item=row, ConditionExpression="attribute_not_exists(defect_id)")

    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(int(workers)) as pool:
        list(pool.map(put, rows))


if __name__ == "__main__":
    main()
