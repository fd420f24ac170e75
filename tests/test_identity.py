"""What a chain is made of, by hash: which rooms count, and that an edit in one of them is another configuration."""

from __future__ import annotations

import ast
import shutil
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

from sepdiar.config import resolve
from sepdiar.identity import NEVER_IN_A_CHAIN, code_sha256, weights_sha256

GROUPS = ("stages", "diarizers", "separators", "recognizers")


def imported(module: str) -> set[str]:
    """The modules of sepdiar that a module names in an import, wherever in it."""
    spec = find_spec(module)
    if not spec or not spec.origin:
        return set()
    names: set[str] = set()
    for node in ast.walk(ast.parse(Path(spec.origin).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
    return {name for name in names if name.startswith("sepdiar.") and exists(name)}


def exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_no_stage_and_no_backend_imports_a_room_that_does_not_count() -> None:
    waiting = {point.module for group in GROUPS for point in entry_points(group=f"sepdiar.{group}")}
    waiting = {name for name in waiting if name.startswith("sepdiar.")} | {"sepdiar.engine.worker"}
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        waiting |= imported(module) - seen
    assert len(seen) > 100
    assert not {module for module in seen if module.split(".")[1] in NEVER_IN_A_CHAIN}


def test_an_edit_counts_in_a_room_of_the_chain_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "small"
    for name in ("__init__", "stage", "cli/say"):
        (package / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(f"NAME = {name!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen = [code_sha256.__wrapped__("small")]
    (package / "notes.txt").write_text("no source")
    seen.append(code_sha256.__wrapped__("small"))
    (package / "stage.py").write_text("NAME = 'other'\n")
    seen.append(code_sha256.__wrapped__("small"))
    assert seen[0] == seen[1] != seen[2]
    assert code_sha256.__wrapped__("sepdiar") != code_sha256.__wrapped__("sepdiar", whole=True)
    assert code_sha256("no_such_package") == ""


def test_weights_are_those_on_the_disk(tmp_path: Path) -> None:
    ours = Path(__file__).resolve().parent.parent / "models" / "compact-embedding" / "weights.safetensors"
    copy = Path(shutil.copy(ours, tmp_path))
    assert weights_sha256("compact-embedding") == weights_sha256(str(copy))
    copy.write_bytes(copy.read_bytes()[:-1])
    assert weights_sha256(str(copy)) != weights_sha256("compact-embedding")
    assert weights_sha256("nothing-of-the-kind") == ""


def test_the_facts_of_a_configuration_tell_them() -> None:
    facts = resolve(environ={}).facts()
    assert set(facts["weights"]) >= {"compact-embedding", "compact-segmentation", "compact-separation"}
    assert list(facts["code"]) == ["sepdiar"] and len(facts["code"]["sepdiar"]) == 64
