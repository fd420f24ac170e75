"""What a run does: recipe < file < environment < flag, each value with where it came from."""

from __future__ import annotations

import inspect
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from sepdiar.conversation import canonical_json
from sepdiar.errors import SepdiarError
from sepdiar.pipeline import Pipeline, Stage, fingerprint
from sepdiar.registry import UNLOADABLE

DEFAULT_RECIPE = "embedded"
PREFIX = "SEPDIAR_"
ABOVE_THE_STAGES = frozenset({"about", "chain", "device", "seed", "use"})
SHARED = {"device": "cpu", "seed": 0}
"""Settings of the whole run with their defaults, given to every stage whose constructor takes them."""
KEYS = {
    "separator": "separate.backend",
    "diarizer": "diarize.backend",
    "speakers": "diarize.speakers",
    "recognizer": "transcribe.backend",
    "pairing": "assemble.pairing",
    "salvage": "decode.salvage",
    "device": "device",
    "use": "use",
}
CORE_PACKAGES = ("sepdiar", "numpy", "soundfile", "soxr")


@dataclass(frozen=True)
class Config:
    """A resolved configuration: dotted keys to values, and to the origin of each.

    >>> config = resolve("masking", flags={"diarize.speakers": 2}, environ={})
    >>> config.values["diarize.speakers"], config.origins["diarize.speakers"]
    (2, 'flag')
    """

    values: Mapping[str, Any]
    origins: Mapping[str, str]

    def section(self, name: str) -> dict[str, Any]:
        """The settings of one stage; keys with a further dot become tables."""
        nested: dict[str, Any] = {}
        for key, value in self.values.items():
            head, *path = key.split(".")
            if head != name or not path:
                continue
            place = nested
            for part in path[:-1]:
                place = place.setdefault(part, {})
                if not isinstance(place, dict):
                    raise SepdiarError("SD202", f"{name}.{part} is a value, not a table", where=key)
            place[path[-1]] = value
        return nested

    def pipeline(self) -> Pipeline:
        """The chain that this configuration names, checked; no model is loaded yet."""
        from sepdiar import ingredients

        pipeline = Pipeline(self.stages())
        ingredients.refuse(ingredients.of(pipeline.stages), self.values.get("use", ""))
        pipeline.check()
        device = self.values.get("device", "cpu")
        if device != "cpu" and not any(stage.device == device for stage in pipeline.stages):
            raise SepdiarError("SD253", f"no stage of this chain can use {device}", where="device")
        return pipeline

    def stages(self) -> list[Stage]:
        """The stages that this configuration names, whether they can work here or not."""
        shared = {key: self.values[key] for key in SHARED if key in self.values}
        for key, default in SHARED.items():
            _refuse_other_kind(key, shared.get(key, default), default)
        return [_stage(name, self.section(name), shared) for name in self.values["chain"]]

    def facts(self) -> dict[str, Any]:
        """Everything that the bytes of the output depend on beside the input: settings, the versions of packages, and the hashes
        of our code and of every model's weights."""
        from sepdiar import identity

        stages = self.pipeline().stages
        packages = {*CORE_PACKAGES, *(name for stage in stages for name in stage.packages)}
        return {
            "code": identity.code(stages),
            "settings": dict(self.values),
            "versions": {name: version(name) for name in sorted(packages)},
            "weights": identity.weights(stages),
        }

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.facts())


def recipes() -> dict[str, Path]:
    """The recipes that ship with sepdiar, by name."""
    folder = Path(str(files("sepdiar"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def resolve(
    recipe: str | Path | None = None,
    *,
    file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """The configuration of a run. `recipe` is a name or a TOML file; `flags` are dotted keys, None meaning not given."""
    environ = os.environ if environ is None else environ
    if file is None and f"{PREFIX}CONFIG" in environ:
        file = Path(environ[f"{PREFIX}CONFIG"])
    from_file = _flat(_toml(file)) if file else {}
    chosen = recipe or environ.get(f"{PREFIX}RECIPE") or from_file.pop("recipe", None) or DEFAULT_RECIPE
    from_file.pop("recipe", None)
    base = _flat(_toml(_recipe(chosen)))
    known = {"use": ""} | base | from_file
    from_environment = {key: _scalar(environ[name], known[key]) for key in known if (name := _variable(key)) in environ}
    layers = [
        (f"recipe {Path(chosen).stem}", base),
        (f"file {file}", from_file),
        ("environment", from_environment),
        ("flag", {key: value for key, value in (flags or {}).items() if value is not None}),
    ]
    stages = {point.name for point in entry_points(group="sepdiar.stages")}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in layers:
        for key, value in layer.items():
            _refuse_misfit(key, value, origin, stages)
            values[key], origins[key] = value, origin
    if not isinstance(values.get("chain"), list):
        raise SepdiarError("SD203", 'a recipe needs chain = ["decode", ...]', where=str(chosen))
    return Config(values, origins)


def words_to_keys(**words: Any) -> dict[str, Any]:
    """What the command line and the library call by a word of their own, under the keys of a recipe.

    >>> words_to_keys(diarizer="mfcc", speakers=2)
    {'diarize.backend': 'mfcc', 'diarize.speakers': 2}
    """
    return {KEYS[word]: value for word, value in words.items()}


def setting(text: str) -> tuple[str, Any]:
    """`KEY=VALUE` as `--set` takes it: the value in TOML, or a bare word.

    >>> setting("diarize.speakers=2"), setting("diarize.mfcc.vad=energy")
    (('diarize.speakers', 2), ('diarize.mfcc.vad', 'energy'))
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SepdiarError("SD200", f"--set takes KEY=VALUE, not {text!r}")
    return key.strip(), _scalar(value.strip())


def _refuse_misfit(key: str, value: Any, origin: str, stages: set[str]) -> None:
    """A misspelt section would be ignored in silence; a value that JSON lacks could not be part of a fingerprint."""
    head, dot, _ = key.partition(".")
    if not (head in stages if dot else head in ABOVE_THE_STAGES):
        known = [*sorted(ABOVE_THE_STAGES), *(f"{name}.*" for name in sorted(stages))]
        raise SepdiarError("SD202", f"no such setting; there are: {', '.join(known)}", where=f"{key} ({origin})")
    try:
        canonical_json(value)
    except (TypeError, ValueError) as error:
        raise SepdiarError("SD202", f"{value} is not a number, a text, true or false", where=f"{key} ({origin})") from error


def _stage(name: str, section: dict[str, Any], shared: Mapping[str, Any]) -> Stage:
    points = {point.name: point for point in entry_points(group="sepdiar.stages")}
    if name not in points:
        raise SepdiarError("SD201", f"no stage {name!r}; there are: {', '.join(sorted(points))}")
    try:
        made = points[name].load()
    except UNLOADABLE as error:
        raise SepdiarError("SD252", f"{type(error).__name__}: {error}", where=f"stage {name}") from error
    accepted = inspect.signature(made).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    for key, value in section.items():
        if key not in accepted and not (open_ended and isinstance(value, dict)):
            raise SepdiarError("SD202", f"{name} has no setting {key!r}; it has: {', '.join(accepted)}", where=f"{name}.{key}")
        _refuse_other_kind(f"{name}.{key}", value, accepted[key].default if key in accepted else None)
    return made(**{key: value for key, value in shared.items() if key in accepted} | section)  # type: ignore[no-any-return]


def _refuse_other_kind(key: str, value: Any, default: Any) -> None:
    """A setting is of the kind of its default, where that tells one: yes or no, a number, or a text."""
    for kinds, words in (((bool,), "true or false"), ((int, float), "a number"), ((str,), "a text")):
        if isinstance(default, kinds):
            if not isinstance(value, kinds) or isinstance(value, bool) != isinstance(default, bool):
                raise SepdiarError("SD202", f"{words}, not {value!r}", where=key)
            return


def _recipe(name: str | Path) -> Path:
    if str(name) in recipes():
        return recipes()[str(name)]
    if Path(name).suffix == ".toml":
        return Path(name)
    raise SepdiarError("SD201", f"no recipe {str(name)!r}; there are: {', '.join(recipes())}, or a path to a .toml file")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SepdiarError("SD203", str(error), where=str(path)) from error


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _variable(key: str) -> str:
    return PREFIX + key.upper().replace(".", "_")


def _scalar(text: str, like: Any = None) -> Any:
    if isinstance(like, str):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def describe(config: Config) -> Iterable[tuple[str, Any, str]]:
    """Key, value and origin of every setting, in order."""
    return [(key, config.values[key], config.origins[key]) for key in sorted(config.values)]
