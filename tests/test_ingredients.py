"""What a chain is made of: its models and licences, what must be fetched, and the use that a licence rules out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import sepdiar
from sepdiar import ingredients
from sepdiar.cli import summary
from sepdiar.config import recipes, resolve
from sepdiar.errors import SepdiarError
from sepdiar.ingredients import Ingredient
from sepdiar.models import cards

OURS = {"compact-segmentation", "compact-embedding", "compact-separation", "pocketsphinx-en-us"}


def made_of(recipe: str, **flags: object) -> dict[str, Ingredient]:
    config = resolve(recipe, environ={}, flags={key.replace("__", "."): value for key, value in flags.items()})
    return {one.model: one for one in ingredients.of(config.stages())}


@pytest.fixture(autouse=True)
def nothing_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEPDIAR_MODELS", str(tmp_path / "models"))


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card of a separator that may not be used for money."""
    folder = tmp_path / "shelf" / "talk-nc"
    folder.mkdir(parents=True)
    text = 'name = "talk-nc"\nkind = "separation"\nbackend = "sepformer"\nabout = "x"\nlicence = "CC-BY-NC-4.0"\n'
    (folder / "card.toml").write_text(
        text + '[public]\nrepository = "a/b"\nrevision = "main"\nmegabytes = 12\n[[public.files]]\npath = "a.txt"\n'
    )
    before = list(cards.shelves())
    monkeypatch.setattr(cards, "shelves", lambda: iter([*before, tmp_path / "shelf"]))


def test_the_chain_that_needs_nothing_names_every_model_of_ours() -> None:
    found = ingredients.of(resolve("embedded", environ={}).stages())
    assert {one.model for one in found} == OURS and all(one.commercial and one.state != "absent" for one in found)
    assert {one.model for one in ingredients.of(resolve("masking", environ={}).stages())} == {"silero-vad", "pocketsphinx-en-us"}


@pytest.mark.parametrize(("recipe", "whisper"), [("balanced", "whisper-turbo"), ("best", "whisper-large-v3")])
def test_balanced_and_best_name_what_is_to_be_pulled_and_all_of_it_is_permitted(recipe: str, whisper: str) -> None:
    values, found = resolve(recipe, environ={}).values, made_of(recipe)
    assert values["diarize.backend"] == "pyannote" and found["pyannote-community-1"].gated
    assert found.keys() == {"pyannote-community-1", "mossformer2-16k", "compact-embedding", whisper} and all(
        one.commercial for one in found.values()
    )
    for name in ("mossformer2-16k", whisper):
        assert (found[name].state, found[name].mend) == ("absent", f"sepdiar models pull {name}")
        assert found[name].megabytes > 500


def test_best_names_its_licences_as_the_cards_do() -> None:
    text = recipes()["best"].read_text()
    for one in made_of("best").values():
        assert one.licence in text, one


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"separate.backend": "sepformer", "separate.sepformer.model": "talk-nc"}, r"talk-nc .*CC-BY-NC-4.0.*forbids it"),
        (
            {"separate.backend": "tdanet", "separate.tdanet.model": "tdanet-lrs2-2ms"},
            r"tdanet-lrs2-2ms .*is not known to permit it",
        ),
        ({"separate.backend": "sepformer", "separate.sepformer.path": "/x/mine"}, r"mine .*has no card with a licence"),
        ({"separate.backend": "sepformer", "separate.sepformer.model": "none-such"}, r"none-such .*has no card with a licence"),
    ],
)
def test_commercial_use_is_refused_by_model_licence_and_key(card: None, flags: dict[str, str], said: str) -> None:
    with pytest.raises(SepdiarError, match=rf"(?s)SD208.*use = \"commercial\".*{said}") as refused:
        resolve("embedded", environ={}, flags={**flags, "use": "commercial"}).pipeline()
    assert f"separate.backend = '{flags['separate.backend']}'" in refused.value.what and refused.value.exit == 2
    stages = resolve("embedded", environ={}, flags=flags).stages()
    for use in ("", "research"):
        ingredients.refuse(ingredients.of(stages), use)


def test_a_backend_that_says_nothing_of_its_models_is_refused_too() -> None:
    unsaid = Ingredient("diarize", "loudness", "")
    with pytest.raises(SepdiarError, match="does not say which models it uses"):
        ingredients.refuse([unsaid], "commercial")
    with pytest.raises(SepdiarError, match=r"SD202.*research, commercial"):
        ingredients.refuse([], "profit")


def test_what_is_permitted_passes_and_the_use_is_part_of_the_configuration(tmp_path: Path) -> None:
    config = resolve("embedded", environ={"SEPDIAR_USE": "commercial"})
    assert (config.values["use"], config.origins["use"]) == ("commercial", "environment")
    assert config.pipeline().stages and config.facts()["settings"]["use"] == "commercial"


def test_the_parts_of_a_model_count_with_their_own_licences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: None) -> None:
    whole = tmp_path / "shelf" / "whole"
    whole.mkdir()
    (whole / "card.toml").write_text(
        'name = "whole"\nlicence = "MIT"\nparts = ["talk-nc"]\n[public]\nrepository = "a/c"\n' + TAIL
    )
    flags = {"separate.backend": "sepformer", "separate.sepformer.model": "whole", "use": "commercial"}
    with pytest.raises(SepdiarError, match="talk-nc") as refused:
        resolve("embedded", environ={}, flags=flags).pipeline()
    assert "whole (" not in refused.value.what


TAIL = 'revision = "main"\n[[public.files]]\npath = "a.txt"\n'


def test_the_plan_of_a_dry_run_has_licences_sizes_and_the_commands(tmp_path: Path, podcasts: Path, capsys) -> None:
    asked = {"separator": "mossformer2", "recipe": "masking", "use": "commercial", "dry_run": True}
    plan = sepdiar.process([podcasts], tmp_path / "run", **asked)
    summary.plan(plan)
    said = capsys.readouterr().out
    assert plan.megabytes_to_fetch == 670 and not (tmp_path / "run").exists()
    rows = [line.split() for line in said.splitlines() if line.split()[:1] == ["model"]]
    assert ["model", "mossformer2-16k", "separate.mossformer2", "Apache-2.0", "absent,", "670.0", "MB"] in rows
    assert "670.0 MB to fetch first" in said and "needs  sepdiar models pull mossformer2-16k" in said
    summary.plan(replace(plan, models=(replace(plan.models[0], state="absent", megabytes=0, mend="pull it"),)))
    assert "1 model of a size not known to fetch first" in capsys.readouterr().out


def test_what_a_recipe_lacks_is_told_as_commands() -> None:
    commands = ingredients.lacking(resolve("best", environ={}).stages())
    models = ("pyannote-community-1", "mossformer2-16k", "whisper-large-v3")
    assert {f"sepdiar models pull {name}" for name in models} <= set(commands)
    assert ingredients.lacking(resolve("embedded", environ={}).stages()) == ()
