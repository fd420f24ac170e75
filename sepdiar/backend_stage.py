"""What the stages that work through a backend share: its settings, its check, its loading, its provenance."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from sepdiar import __version__, registry
from sepdiar.conversation import Provenance
from sepdiar.pipeline import Stage


class BackendStage(Stage):
    """A stage whose section of the recipe names a `backend`, and has a table of parameters by that name.

    It may have tables of other backends too, for whoever chooses one of them: those have to fit as well.
    A backend whose constructor takes `device` is given the run's; any other computes on the CPU.
    """

    kind: ClassVar[str]

    def __init__(self, backend: str, device: str = "cpu", **tables: Mapping[str, Any]) -> None:
        self.backend = backend
        self.tables = tables
        self.parameters = dict(tables.get(backend, {}))
        self.made: Any = None
        self._asked = device

    @property
    def device(self) -> str:  # type: ignore[override]
        accepted = inspect.signature(registry.load(self.kind, self.backend)).parameters
        return str(self.parameters.get("device", self._asked)) if "device" in accepted else "cpu"

    @property
    def modules(self) -> tuple[str, ...]:
        return (*super().modules, registry.load(self.kind, self.backend).__module__)

    @property
    def packages(self) -> tuple[str, ...]:  # type: ignore[override]
        return registry.packages(registry.load(self.kind, self.backend), self.parameters)

    @property
    def models(self) -> tuple[str, ...]:  # type: ignore[override]
        return registry.models(registry.fitting(self.kind, self.backend, self.parameters), self.parameters)

    def check(self) -> None:
        self.check_tables()
        registry.checked(self.kind, self.backend, self.parameters)
        if self.device != "cpu":
            from sepdiar.networks.devices import present

            present(self.device)

    def check_tables(self) -> None:
        """Refuse a table of a backend that does not exist, or with a parameter that it does not have, chosen or not."""
        for name, parameters in self.tables.items():
            registry.fitting(self.kind, name, parameters)

    def open(self) -> None:
        device = {} if self.device == "cpu" else {"device": self.device}
        self.made = registry.make(self.kind, self.backend, self.parameters | device)

    def provenance(self) -> Provenance:
        model = getattr(self.made, "model", ""), getattr(self.made, "model_sha256", "")
        return Provenance(self.name, __version__, *model, {"backend": self.backend, **self.parameters}, device=self.device)

    @property
    def opened(self) -> Any:
        """The backend; `open` comes first."""
        if self.made is None:
            raise ValueError("open() comes before run()")
        return self.made
