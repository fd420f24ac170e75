"""recipe < file < environment < flag, each value with its origin, and every bad value refused where it stands."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sepdiar.config import DEFAULT_RECIPE, describe, recipes, resolve, setting
from sepdiar.conversation import canonical_json
from sepdiar.errors import SepdiarError

KEY = "decode.minimum_seconds"
VARIABLE = "SEPDIAR_DECODE_MINIMUM_SECONDS"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[decode]\nminimum_seconds = 2.5\n[diarize.mfcc]\nstep = 7\n")
    return path


@pytest.mark.parametrize("name", sorted(recipes()))
def test_every_recipe_that_ships_resolves(name):
    config = resolve(name, environ={})
    assert config.values["chain"][0] == "decode" and config.values["about"]
    assert set(config.origins.values()) == {f"recipe {name}"}
    assert [key for key, _, _ in describe(config)] == sorted(config.values)


@pytest.mark.parametrize(
    ("layers", "value", "origin"),
    [
        ("", 1.0, f"recipe {DEFAULT_RECIPE}"),
        ("file", 2.5, "file"),
        ("environment", 3.5, "environment"),
        ("flag", 4.5, "flag"),
        ("file environment", 3.5, "environment"),
        ("file flag", 4.5, "flag"),
        ("environment flag", 4.5, "flag"),
        ("file environment flag", 4.5, "flag"),
    ],
)
def test_the_later_layer_wins_and_is_named(layers, value, origin, file):
    config = resolve(
        file=file if "file" in layers else None,
        environ={VARIABLE: "3.5"} if "environment" in layers else {},
        flags={KEY: 4.5} if "flag" in layers else {KEY: None},
    )
    assert config.values[KEY] == value
    assert config.origins[KEY].startswith(origin)


def test_the_file_may_be_named_by_the_environment_and_name_the_recipe(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('recipe = "masking"\nseed = 5\n')
    config = resolve(environ={"SEPDIAR_CONFIG": str(path)})
    assert (config.values["seed"], config.origins["seed"]) == (5, f"file {path}")
    assert "recipe" not in config.values


def test_the_environment_reaches_what_only_the_file_sets(file):
    config = resolve(file=file, environ={"SEPDIAR_DIARIZE_MFCC_STEP": "9"})
    assert config.section("diarize")["mfcc"] == {"step": 9}


def test_a_text_from_the_environment_stays_a_text():
    assert resolve(environ={"SEPDIAR_DEVICE": "0"}).values["device"] == "0"


def test_a_recipe_may_be_a_file(tmp_path):
    path = tmp_path / "short.toml"
    path.write_text('chain = ["decode"]\n')
    assert resolve(path, environ={}).values["chain"] == ["decode"]


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("diarize.speakers=2", ("diarize.speakers", 2)),
        ("a.b = true", ("a.b", True)),
        ('a.b="2"', ("a.b", "2")),
        ("a.b=cuda:1", ("a.b", "cuda:1")),
        ("a.b=", ("a.b", "")),
        ("a.b=c=d", ("a.b", "c=d")),
        ("chain=['decode']", ("chain", ["decode"])),
    ],
)
def test_settings_as_the_command_line_takes_them(text, parsed):
    assert setting(text) == parsed


@given(st.recursive(st.booleans() | st.integers(-(2**63), 2**63 - 1), lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_a_value_in_json_is_the_value(value):
    assert setting(f"a.b={canonical_json(value)}") == ("a.b", value)


@pytest.mark.parametrize("text", ["", "seed", "=5", "  =5"])
def test_a_setting_without_key_or_value_is_wrong_usage(text):
    with pytest.raises(SepdiarError, match="KEY=VALUE") as refused:
        setting(text)
    assert refused.value.exit == 2


@pytest.mark.parametrize(
    ("flags", "code", "named"),
    [
        ({"diarise.speakers": 2}, "SD202", "diarise.speakers"),
        ({"speakers": 2}, "SD202", "speakers"),
        ({"diarize": 2}, "SD202", "diarize"),
        ({KEY: float("nan")}, "SD202", KEY),
        ({KEY: {1, 2}}, "SD202", KEY),
        ({"chain": "decode"}, "SD203", "chain"),
    ],
)
def test_what_no_stage_would_read_is_refused_by_name(flags, code, named):
    with pytest.raises(SepdiarError) as refused:
        resolve(environ={}, flags=flags)
    assert refused.value.code == code and named in str(refused.value)


@pytest.mark.parametrize(
    ("flags", "code", "named"),
    [
        ({"chain": ["decode", "sing"]}, "SD201", "sing"),
        ({"decode.minimum_second": 1}, "SD202", "decode.minimum_second"),
        ({"chain": ["decode", "transcribe"]}, "SD204", "transcribe needs"),
        ({"diarize.backend": "nobody"}, "SD201", "nobody"),
        ({"separate.backend": "nobody"}, "SD201", "nobody"),
        ({"transcribe.backend": "nobody"}, "SD201", "nobody"),
        ({"diarize.compact.colour": 1}, "SD202", "colour"),
        ({"diarize.backend": "mfcc", "diarize.compact.colour": 1}, "SD202", "compact has no parameter 'colour'"),
        ({"diarize.backend": "mfcc", "diarize.compakt.step": 1}, "SD201", "no diarizer 'compakt'"),
        ({"transcribe.backend": "none", "transcribe.pocketsphinx.colour": 1}, "SD202", "colour"),
    ],
)
def test_a_chain_that_cannot_work_is_refused_before_anything_is_loaded(flags, code, named):
    with pytest.raises(SepdiarError) as refused:
        resolve(environ={}, flags=flags).pipeline()
    assert refused.value.code == code and named in str(refused.value)


def test_settings_of_a_backend_that_is_not_chosen_are_kept_and_load_nothing_heavy() -> None:
    keys = "'diarize.compact.step': 2, 'separate.tdanet.window': 4, 'separate.sepformer.path': 'x'"
    program = f"from sepdiar.config import resolve; import sys; resolve(environ={{}}, flags={{{keys}}}).pipeline(); "
    made = subprocess.run([sys.executable, "-c", program + "print('torch' in sys.modules)"], capture_output=True, text=True)
    assert (made.stdout, made.stderr) == ("False\n", "")


@pytest.mark.parametrize("content", ["chain = [", "\xff", 'chain = "decode"', ""])
def test_a_recipe_that_cannot_be_read_is_named(content, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SepdiarError) as refused:
        resolve(path, environ={})
    assert refused.value.code == "SD203" and str(path) in str(refused.value)


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(SepdiarError, match="SD203"):
        resolve(tmp_path / "none.toml", environ={})
    with pytest.raises(SepdiarError, match=DEFAULT_RECIPE):
        resolve("nonesuch", environ={})


def test_the_fingerprint_is_of_the_settings_and_not_of_their_origins():
    plain, flagged = resolve(environ={}), resolve(environ={}, flags={KEY: 1.0})
    assert plain.fingerprint == flagged.fingerprint
    assert plain.fingerprint != resolve(environ={}, flags={KEY: 1.5}).fingerprint
    assert "numpy" in plain.facts()["versions"]


def test_a_device_that_no_stage_can_use_is_refused() -> None:
    with pytest.raises(SepdiarError, match="SD253"):
        resolve("masking", flags={"device": "cuda"}, environ={}).pipeline()


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(SepdiarError, match="SD253"):
        resolve(flags={"device": "cuda:99"}, environ={}).pipeline().check()


def test_a_table_under_what_is_a_value_is_refused() -> None:
    with pytest.raises(SepdiarError, match=r"SD202.*decode.salvage is a value"):
        resolve(flags={"decode.salvage.x": 1}, environ={}).pipeline()


@pytest.mark.parametrize(
    ("key", "value"),
    [(KEY, "abc"), (KEY, True), ("decode.salvage", 1), ("assemble.fade_ms", []), ("seed", "x"), ("device", 0)],
)
def test_a_value_of_another_kind_is_refused_by_its_name(key: str, value: object) -> None:
    with pytest.raises(SepdiarError, match=f"SD202.*{key}.*not {re.escape(repr(value))}"):
        resolve(flags={key: value}, environ={}).pipeline()
