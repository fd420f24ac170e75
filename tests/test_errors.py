"""Every refusal has a code that explains itself, and travels between processes."""

from __future__ import annotations

import errno
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sepdiar.errors import CODES, SepdiarError, from_os_error

ROOT = Path(__file__).resolve().parent.parent
TEXTS = st.text(max_size=40)


@given(st.sampled_from(sorted(CODES)), TEXTS, TEXTS, TEXTS)
def test_an_error_survives_the_way_from_a_worker(code, what, where, hint):
    error = SepdiarError(code, what, where=where, hint=hint)
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (back.code, back.what, back.where, back.hint, back.exit) == (error.code, what, where, error.hint, error.exit)
    assert str(back) == str(error)


def test_an_unknown_code_is_a_mistake_in_the_program():
    with pytest.raises(KeyError):
        SepdiarError("SD000")


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_says_what_why_and_how_to_mend(code):
    row = CODES[code]
    assert re.fullmatch(r"SD\d{3}", code)
    assert row.title and not row.title.endswith(".") and row.title == row.title.strip()
    assert row.why.endswith(".") and row.mend
    assert row.exit in {1, 2, 3, 74, 75, 130}
    assert SepdiarError(code).hint == row.mend


def test_the_table_is_in_order():
    assert list(CODES) == sorted(CODES)


def codes_written_in(*patterns: str) -> set[str]:
    files = [path for pattern in patterns for path in ROOT.glob(pattern) if path.name != "errors.py"]
    return {code for path in files for code in re.findall(r"\bSD\d{3}\b", path.read_text(encoding="utf-8"))}


def test_every_code_that_the_package_uses_is_in_the_table():
    assert codes_written_in("sepdiar/**/*.py") <= CODES.keys()


def test_every_code_in_the_table_is_used():
    given_by_the_system = {from_os_error(OSError(number, "")).code for number in errno.errorcode}
    assert CODES.keys() - codes_written_in("sepdiar/**/*.py") <= given_by_the_system


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "SD301"),
        (errno.EDQUOT, "SD303"),
        (errno.EMFILE, "SD304"),
        (errno.EROFS, "SD305"),
        (errno.EIO, "SD302"),
        (None, "SD302"),
    ],
)
def test_what_the_system_refuses_has_a_code(number, code):
    error = from_os_error(OSError(number, "refused", "out/file") if number else OSError("refused"))
    assert (error.code, error.exit) == (code, 74)
    assert "refused" in str(error)
