"""What the stages that work through a backend share: its settings, its check, its loading, its provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sepdiar import __version__, backends
from sepdiar.conversation import Provenance
from sepdiar.pipeline import Stage


class BackendStage(Stage):
    """A stage whose section of the recipe names a `backend`, and has a table of parameters by that name."""

    kind: ClassVar[str]

    def __init__(self, backend: str, **tables: Mapping[str, Any]) -> None:
        self.backend = backend
        self.parameters = dict(tables.get(backend, {}))
        self.made: Any = None

    @property
    def packages(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(getattr(backends.load(self.kind, self.backend), "needs", ()))

    def check(self) -> None:
        backends.checked(self.kind, self.backend, self.parameters)

    def open(self) -> None:
        self.made = backends.make(self.kind, self.backend, self.parameters)

    def provenance(self) -> Provenance:
        model = getattr(self.made, "model", ""), getattr(self.made, "model_sha256", "")
        return Provenance(self.name, __version__, *model, {"backend": self.backend, **self.parameters})

    @property
    def opened(self) -> Any:
        """The backend; `open` comes first."""
        if self.made is None:
            raise ValueError("open() comes before run()")
        return self.made
