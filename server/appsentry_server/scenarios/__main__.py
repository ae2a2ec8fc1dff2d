"""`python -m appsentry_server.scenarios STORY --out FILE`: plays a script, or a story that is here, into a file."""

import argparse
import sys
from pathlib import Path

from appsentry_contract.errors import AppSentryError
from appsentry_server.scenarios.playing import play
from appsentry_server.scenarios.script import load
from appsentry_sources.writing import write

_STORIES = Path(__file__).parent / "stories"


def main() -> None:
    """Write the results as Parquet, or as CSV when the file is named so; the same for the same script and seed."""
    stories = sorted(path.stem for path in _STORIES.glob("*.yaml"))
    parser = argparse.ArgumentParser(prog="python -m appsentry_server.scenarios", description=__doc__)
    parser.add_argument("script", help=f"a YAML file, or one of {', '.join(stories)}")
    parser.add_argument("--out", type=Path, required=True, help="the file to write: .parquet or .csv")
    parser.add_argument("--seed", type=int, default=1, help="of the response times (default 1)")
    options = parser.parse_args()
    named = _STORIES / f"{options.script}.yaml"
    try:
        played = play(load(named if options.script in stories else Path(options.script)), options.seed)
        write(played.results, options.out)
    except AppSentryError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{len(played.results):,} results in {options.out}\n")


if __name__ == "__main__":
    main()
