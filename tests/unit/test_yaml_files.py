"""YAML of users: what it says, or one line with the place of what is wrong, at once."""

import time

import pytest
import yaml

from darkroom import yaml_files

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(10)
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "a: 1\nb: [x, {y: 2.5}]",
        "{filter: .*1M, map: {resolution: 6}}",
        "base: &b {encoding: jpeg}\natlas: {<<: *b, chunk_size: 64}",
        "base: &b {encoding: jpeg, x: 1}\natlas: {<<: *b, x: 2}",
        "list: &l [1, 2]\nagain: *l",
        "{1: a, '1': b}",
        "größe: µ",
        "- 2026-11-27\n- no\n- ~",
    ],
)
def test_is_read_as_pyyaml_reads_it(text, tmp_path):
    assert yaml_files.load(text, "x") == yaml.safe_load(text)
    (tmp_path / "x.yaml").write_text(text, "utf-8")
    assert yaml_files.read(tmp_path / "x.yaml") == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, r"options( line \d+)?: .*with its aliases it comes to [0-9,]{12,} values"),
        ("{" + BOMB.strip().replace("\n", ", ") + "}", "with its aliases"),
        ("a: &a [*a]", "line 1: .*an alias stands for what it is in"),
        ("[" * 100_000, "line 1: more than 40 levels"),
        ("- " * 5000 + "x", "more than 40 levels"),
        ("{a: " * 41 + "1" + "}" * 41, "more than 40 levels"),
        ("a: &a [[[[[[[[[[1]]]]]]]]]]\nb: &b [[[[[[[[[[*a]]]]]]]]]]\nc: &c [[[[[[[[[[*b]]]]]]]]]]\nd: [[[[[[[[[[*c]]]]]]]]]]", "values, 4. levels deep"),
        ("a: 1\nb: 2\na: 3", "options line 3: key 'a' stands twice"),
        ("{map: {x: 1, x: 1}}", "key 'x' stands twice"),
        ("a: [1", "options line 2: not YAML"),
        ("!!python/object/apply:os.system [x]", "not YAML"),
        ("a: *nothing", "undefined alias"),
        (b"a: \xff", "not YAML in UTF-8"),
        ("a: \0", "not YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_once(text, says):
    began = time.monotonic()
    with pytest.raises(ValueError, match=says):
        yaml_files.load(text, "options")
    assert time.monotonic() - began < 600  # an expanded bomb would take hours


def test_wide_is_fine():
    assert len(yaml_files.load(f"[{', '.join(map(str, range(50_000)))}]", "x")) == 50_000
