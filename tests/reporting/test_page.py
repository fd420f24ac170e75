"""The page about a run: what it says, that it is the same each time, and that nothing in it can act."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sepdiar.conversation import Conversation, Provenance, Recording, Span, Stretch, Track
from sepdiar.errors import SepdiarError
from sepdiar.reporting import html
from sepdiar.reporting.timeline import timeline
from sepdiar.store import Failure

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'><iframe src=javascript:alert(1)>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</svg><script>alert(1)</script>",
    "<!--<script>alert(1)//-->",
    "]]><script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "{% include '/etc/passwd' %}",
    "{{ self.__init__.__globals__ }}",
    "${7*7}",
    "javascript:alert(1)",
    "https://example.org/pixel.png",
    "//example.org/x.js",
    "../../../etc/passwd",
    "data:text/html,<script>alert(1)</script>",
    "<a href='https://example.org'>here</a>",
    "<meta http-equiv=refresh content='0;url=https://example.org'>",
    "<base href=https://example.org/>",
    "a\u202egnp.exe",
    "\udcff\udcfe podcast.wav",
    "&lt;script&gt;\x00\x1b[31m\r\n",
]
VOID = {"meta", "link", "br", "img", "input", "hr", "base"}


class Page(HTMLParser):
    """Every tag with its attributes; unbalanced tags are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.stack: list[str] = []
        self.feed(text)
        assert not self.stack

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


Run = Callable[..., Path]
Make = Callable[..., Conversation]


def failure(number: int, path: str, code: str, what: str = "") -> Failure:
    return Failure.of(f"bad-{number}", path, SepdiarError(code, what), "decode")


def words(page: str) -> str:
    return " ".join(Page(page).text.split())


def page_with(run: Run, make: Make, text: str) -> str:
    """A page in which `text` stands everywhere that an input, a file name or a backend could put it."""
    value = make("talk-1", text, seconds=30, seed=4, word=text)
    value = replace(
        value,
        recording=replace(value.recording, notes=(text,)),
        provenance=(Provenance("diarize", text, text, text, {text: text, "list": [text]}, 0, text),),
        tracks=tuple(replace(track, file=f"{text}.flac", speaker=text) for track in value.tracks),
    )
    return html(run([value], [Failure("bad-1", text, "SD112", text, text, text)]))


def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attributes)) for tag, attributes in Page(page).tags]


@pytest.mark.parametrize("text", HOSTILE)
def test_s6_nothing_that_comes_in_becomes_part_of_the_page(run: Run, make: Make, text: str, tmp_path: Path) -> None:
    page = page_with(run, make, text)
    page.encode("utf-8")
    (tmp_path / "run").rename(tmp_path / "other")
    assert shape(page) == shape(page_with(run, make, "harmless"))
    for tag, attributes in Page(page).tags:
        assert tag not in ("script", "iframe", "object", "embed", "img", "base", "form", "link")
        assert not any(name.startswith("on") or name in ("src", "style", "srcset") for name in attributes)
        assert attributes.get("href", "../items/").startswith("../items/talk-1/") or tag != "a"
        assert "//" not in attributes.get("href", "") and "/../" not in attributes.get("href", "")
    assert "\u202e" not in page and "\x1b" not in page and "\x00" not in page


def test_s6_there_are_as_many_hostile_strings_as_promised() -> None:
    assert len(set(HOSTILE)) == 24


def test_s6_the_policy_allows_its_own_style_and_nothing_else(run: Run, make: Make) -> None:
    page = html(run([make("talk-1", "talk.wav", seconds=30, seed=1)]))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None and "url(http" not in style[1] and "@import" not in style[1]
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(tag["content"] for name, tag in Page(page).tags if tag.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"https?://", page)


def test_counts_add_up_and_every_failure_is_told_with_its_mend(run: Run, make: Make) -> None:
    bad = [
        failure(1, "a.mp3", "SD112", "4.90 s of 10.08 s"),
        failure(2, "b.wav", "SD104"),
        failure(3, "c.wav", "SD121", "1 speaker"),
    ]
    text = words(html(run([make("talk-1", "talk.wav", seconds=90, seed=1)], bad)))
    assert "inputs 4 done 1 failed 2 skipped 1 audio 1:30 dialogues 1" in text
    assert "a.mp3 SD112 failed damaged: 4.90 s of 10.08 s in decode Fetch it again" in text
    assert "c.wav SD121 skipped no stretch for two speakers: 1 speaker" in text


def test_shares_are_of_the_whole_and_not_means_of_shares(run: Run, make: Make) -> None:
    talks = [make("talk-1", "a.wav", seconds=40, seed=1), make("talk-2", "b.wav", seconds=400, seed=2)]
    parts = [next(score for score in talk.scores if score.name == "overlap") for talk in talks]
    whole = (parts[0] + parts[1]).value
    assert whole is not None and f"overlap {100 * whole:.1f} %" in words(html(run(talks)))


def test_the_same_run_gives_the_same_bytes(run: Run, make: Make, tmp_path: Path) -> None:
    talks = [make(f"talk-{number}", f"{number}.wav", seconds=30, seed=number) for number in range(5)]
    first = html(run(talks, [failure(1, "x.wav", "SD104")]))
    (tmp_path / "run").rename(tmp_path / "moved")
    assert html(run(talks[::-1], [failure(1, "x.wav", "SD104")])) == first


def test_an_item_that_cannot_be_read_is_a_failure_and_not_the_end(run: Run, make: Make) -> None:
    folder = run([make("talk-1", "a.wav", seconds=30, seed=1), make("talk-2", "b.wav", seconds=30, seed=2)])
    (folder / "items" / "talk-1" / "conversation.json").write_text("{")
    (folder / "failures" / "x.json").write_text("{")
    text = words(html(folder))
    assert "inputs 3 done 1 failed 2" in text and "talk-1 SD306" in text


def test_an_empty_run_has_a_page_and_no_run_has_none(run: Run, tmp_path: Path) -> None:
    assert "None is done yet." in html(run([]))
    with pytest.raises(SepdiarError, match="SD207"):
        html(tmp_path)


def test_a_timeline_by_hand() -> None:
    left = (Stretch(Span(0, 500), "copied"), Stretch(Span(500, 600), "mixed"), Stretch(Span(600, 2000), "silent"))
    track = Track("A", "dialogue-000.flac", 0, Span(0, 2000), left)
    drawn = timeline(Conversation(Recording("talk", "talk.wav", "", 100, 2000, 1), (), (track,)))
    paths = dict(re.findall(r'<path class="([^"]+)" d="([^"]+)"/>', drawn))
    assert paths == {
        "dialogue": "M0 0h1000v40h-1000z",
        "clean channel-0": "M0 2h250v16h-250z",
        "mixed channel-0": "M250 2h50v16h-50z",
        "hatched": "M250 2h50v16h-50z",
    }


def test_a_page_does_not_grow_with_the_number_of_turns(make: Make) -> None:
    sizes = [len(timeline(make("talk", "talk.wav", seconds=seconds, seed=1))) for seconds in (3600, 36000)]
    assert sizes[1] < 1.2 * sizes[0] < 60_000
