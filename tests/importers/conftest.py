"""Text files, as people write them."""

import pytest


@pytest.fixture
def table(tmp_path):
    """Writes lines of text as a file."""

    def write(*lines, name="tracks.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
