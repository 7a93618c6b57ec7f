# SPDX-License-Identifier: Apache-2.0
"""Lines of a log, taken apart by regular expressions, as dataclasses to JSON and back: COUNT times."""

import dataclasses
import json
import re
import sys

LINE = re.compile(
    r'(?P<host>\S+) \[(?P<time>[^\]]+)\] "(?P<verb>[A-Z]+) (?P<path>\S+)" (?P<status>\d+)')
DIGITS = re.compile(r"\d+")


@dataclasses.dataclass(order=True)
class Request:
    host: str
    time: str
    verb: str
    path: str
    status: int
    tags: list = dataclasses.field(default_factory=list)

    @classmethod
    def parse(cls, line):
        found = LINE.match(line)
        return cls(**{**found.groupdict(), "status": int(found["status"])})

    @property
    def failed(self):
        return self.status >= 400

    def route(self):
        return DIGITS.sub(lambda number: "{" + str(len(number.group())) + "}", self.path)


def main(count):
    routes, failed, size = {}, 0, 0
    for i in range(count):
        line = (f"10.0.{i % 7}.{i % 251} [{i % 24:02}:{i % 60:02}] "
                f'"GET /item/{i}/part/{i % 13}" {200 + i % 5 * 60}')
        request = Request.parse(line)
        request.tags.append(request.verb.lower())
        text = json.dumps(dataclasses.asdict(request), sort_keys=True)
        again = Request(**json.loads(text))
        if again != request:
            raise ValueError(text)
        failed += again.failed
        routes[again.route()] = routes.get(again.route(), 0) + 1
        size += len(text)
    print(failed, size, sorted(routes.items()))


main(int(sys.argv[1]))
