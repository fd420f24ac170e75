"""Both channels of a conversation as a drawing, small enough for a table of thousands."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from sepdiar.conversation import Conversation, Span, Track, intersected, merged

WIDTH = 1000
LANES = ((2, 16), (22, 16))
"""Top and height of each channel's lane."""
HEIGHT = 40
KINDS = {"copied": "clean", "recorded": "clean", "mixed": "mixed", "separated": "separated"}


def timeline(value: Conversation) -> Markup:
    """An SVG without text: the left channel above the right, what is outside every dialogue blank.

    Nothing is finer than a thousandth of the recording, so that its size does not grow with the number of turns.
    """
    samples = max(1, value.recording.samples)
    shapes = [_path("dialogue", {track.span for track in value.tracks}, 0, HEIGHT, samples)]
    for channel, (top, height) in enumerate(LANES):
        drawn: dict[str, list[Span]] = {"clean": [], "separated": [], "mixed": []}
        for track in value.tracks:
            if track.channel == channel:
                for stretch in track.stretches:
                    if stretch.origin in KINDS:
                        drawn[KINDS[stretch.origin]] += _spoken(value, track, stretch.span, stretch.origin)
        for kind, spans in drawn.items():
            shapes.append(_path(f"{kind} channel-{channel}", spans, top, height, samples))
            if kind == "mixed":
                shapes.append(_path("hatched", spans, top, height, samples))
    label = "who speaks when, left channel above, right channel below"
    return Markup(  # every part is ours: names of kinds and integers
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{label}">{"".join(shapes)}</svg>'
    )


def _spoken(value: Conversation, track: Track, span: Span, origin: str) -> Iterable[Span]:
    if origin != "recorded":
        return [span]
    return intersected([span], (turn.span for turn in value.turns if turn.speaker == track.speaker))


def _path(kind: str, spans: Iterable[Span], top: int, height: int, samples: int) -> str:
    """Rectangles as one path, each edge at the nearest thousandth; those that touch there are one."""
    scaled = merged(span.at_rate(samples, WIDTH) for span in spans)
    boxes = "".join(f"M{box.start} {top}h{len(box)}v{height}h-{len(box)}z" for box in scaled)
    return f'<path class="{kind}" d="{boxes}"/>' if boxes else ""
