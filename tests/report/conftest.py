"""The rows that tests of the comparison are made of serve the report's too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "compare"))
