"""The command that lists cameras, and writes the manual's tables of them."""

from campaign import ROOT
from commands.cameras import cameras


def test_the_manual_has_every_row_as_the_command_writes_it(tmp_path):
    text = (ROOT / "config/README.md").read_text()
    manual = tmp_path / "manual.md"
    manual.write_text(text.replace("| Dawn Framing Cameras |", "| of an older version |"))
    cameras(manual=manual)
    assert manual.read_text() == text
