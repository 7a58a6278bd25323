#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Examples that are wrong are found, and right ones are not.
import pathlib
import sys
import tempfile

import docs_test

RIGHT = """```sh
echo one; echo two >&2
```
```output
one
...
two
```
```sh exit=3
exit 3
```
```text
not run
```
"""

WRONG = [
    "```sh\nfalse\n```\n",
    "```sh\nfalse; true\n```\n",
    "```sh exit=1\ntrue\n```\n",
    "```sh exit=1\nexit 2\n```\n",
    "```sh\necho one\n```\n```output\ntwo\n```\n",
]

MALFORMED = [
    "```output\none\n```\n",
    "```sh\ntrue\n```\n```output\na\n```\n```output\nb\n```\n",
    "```sh exit=x\ntrue\n```\n",
]


def failures(text):
    return [wrong for example in docs_test.examples(text)
            if (wrong := example.run(pathlib.Path(tempfile.gettempdir())))]


def refuses(text):
    try:
        docs_test.examples(text)
    except ValueError:
        return True
    return False


def main():
    offences = [f"not to be found wrong: {x}" for x in failures(RIGHT)]
    offences += [f"to be found wrong: {x}" for x in WRONG if not failures(x)]
    offences += [f"to be refused: {x}" for x in MALFORMED if not refuses(x)]
    if len(docs_test.examples(RIGHT)) != 2:
        offences.append("expected two examples")
    print("\n".join(offences))
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
