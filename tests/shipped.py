"""The files that rules and scripts need beside themselves; run, it writes their list, scripts/shipped.txt."""

from campaign import ROOT

LIST = ROOT / "scripts/shipped.txt"


def shipped():
    """Everything in the package, the tables and schemas of config/, and templates beside the scripts."""
    package = [path for path in ROOT.glob("scripts/darkroom/**/*") if path.is_file() and path.suffix != ".pyc"]
    tables = [path for path in ROOT.glob("config/**/*.yaml") if path.name != "config.yaml"]
    return sorted(path.relative_to(ROOT).as_posix() for path in [*package, *tables, *ROOT.glob("scripts/*.html")])


if __name__ == "__main__":
    LIST.write_text("".join(f"{path}\n" for path in shipped()))
