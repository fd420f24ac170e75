"""F8: whatever bytes a parser is given, it reads them or says with a code that it cannot; and so does the decoder's process.

`TARGETS` are what strangers' bytes reach: each takes bytes and an empty folder, and raises nothing but `SepdiarError`. In the
fast suite they get mutated samples from a seeded mutator; `fuzz.py`, which `make fuzz` and the slow tests run, lets atheris
look for more where that is installed.
"""

from __future__ import annotations

import importlib.util
import io
import json
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sepdiar import config
from sepdiar.audio.containers import chunks, ogg, webm
from sepdiar.audio.containers.survey import survey
from sepdiar.audio.decode import decode
from sepdiar.audio.sniff import sniff_open
from sepdiar.conversation import Conversation, Provenance, Recording, Score, Span, Stretch, Track, Turn, Word
from sepdiar.corpora import candor, chime6, fisher, icsi, libricss, nxt, switchboard
from sepdiar.errors import SepdiarError
from sepdiar.formats import PARSERS, WRITERS, read_conversation, read_segments, read_uem
from sepdiar.formats.validate import validate
from sepdiar.ledger import Ledger
from sepdiar.models import shelf
from sepdiar.simulation.manifest import read_manifest
from sepdiar.store import Failure, Settings
from sepdiar.store.check import item_faults

MUTATIONS = 150  # of each sample in the fast suite
RUNS = 100_000  # of each parser by atheris
SOUNDS = ("wav", "flac", "ogg", "mp3", "m4a", "webm", "aiff", "opus")
TOKENS = (
    *(b"nan", b"-inf", b"1e999", b"1e-999999999", b"-1", b"0x10", b"1_000", b"9" * 5000, b"9" * 400, b"9" * 20),
    *(b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"\r", b"\t", b"\n", b" ", b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"),
    *("\u2028".encode(), "\u202e".encode(), "\u0661\u0662".encode()),
    *(b"null", b"true", b"{}", b"[]", b'""', b"[" * 5000, b'{"a":' * 5000, b"<NA>", b";", b"#", b"<!DOCTYPE a>", b"&a;"),
    *(b"1" * 400 + b".5", b"../", b"/etc/passwd", b'"', b"'"),
)
VALUES = (
    None,
    True,
    -1,
    0,
    1.5,
    10**400,
    math.nan,
    -math.inf,
    "",
    "x",
    "../x",
    "\ud800",
    "\0",
    [],
    {},
    [[]],
    [{}],
    {"a": []},
    "1",
    "nan",
)
CONVERSATION = Conversation(
    Recording("a", "a.wav", "00", 8000, 400, 1, ("a note",), (Span(2, 9),)),
    (Turn("A", Span(0, 90), (Word("yes", Span(0, 9)), Word("no", Span(9, 20), 0.5))),),
    (Track("A", "d.flac", 0, Span(0, 400), (Stretch(Span(0, 9), "recorded"),)),),
    (Score("der", 1.0, 2.0, "s"),),
    (Provenance("decode", "1", parameters={"salvage": False}),),
).to_json()
ROWS = '[{"session_id": "talk", "speaker": "A", "start_time": 0.5, "end_time": "1.25", "words": "it is"}]'
XML = '<r xmlns:nite="http://nite.sourceforge.net/"><w nite:id="w1" starttime="1.5" endtime="2">yes</w></r>'
SEGMENT = '<child href="a.words.xml#id(w1)..id(w1)"/>'


def file_of(data: bytes, folder: Path, name: str) -> Path:
    """The bytes as a file of that name."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def table(form: str) -> Callable[[bytes, Path], None]:
    """A format of segments: what can be read can be written, and is then read again as the same."""

    def target(data: bytes, folder: Path) -> None:
        text = data.decode("utf-8", "replace")
        read = PARSERS[form](text, "x")
        again = WRITERS[form](read)
        assert WRITERS[form](PARSERS[form](again, "x")) == again

    return target


def read_as(name: str, read: Callable[[Path], Any]) -> Callable[[bytes, Path], None]:
    """A reader of a file that has to have a certain name."""

    def target(data: bytes, folder: Path) -> None:
        made = read(file_of(data, folder, name))
        if isinstance(made, Iterator):
            list(made)

    return target


def value(data: bytes, folder: Path) -> None:
    """`--set` and a variable of the environment."""
    text = data.decode("utf-8", "replace")
    key, made = config.setting(text)
    config.resolve("masking", flags={key: made}, environ={"SEPDIAR_DIARIZE_SPEAKERS": text.replace("\0", "")})


def recipe(path: Path) -> None:
    """A recipe of a user's, up to the stages that it names."""
    config.resolve(path, environ={}).stages()


def contained(data: bytes, folder: Path) -> None:
    """What looks into containers before any decoder does."""
    file = io.BytesIO(data)
    kind = sniff_open(file)
    readers: dict[str, Callable[[Any], object]] = {
        "wav": chunks.claim,
        "aiff": chunks.claim,
        "ogg": ogg.claim,
        "webm": webm.claim,
    }
    if kind in ("mp3", "aac"):
        survey(file)
    elif kind in readers:
        readers[kind](file)


def settings(path: Path) -> None:
    """run.toml, and what follows from it."""
    read = Settings.read(path.parent)
    assert (
        Settings.read(file_of(read.to_toml().encode(), path.parent / "again", path.name).parent).fingerprint == read.fingerprint
    )


def sidecar(path: Path) -> None:
    """The words beside a dialogue."""
    file_of(b'{"duration":1.5,"path":"a.flac"}\n', path.parent, "data.jsonl")
    file_of(b"fLaC", path.parent, "a.flac")
    validate("moshi", path.parent)


TARGETS: dict[str, tuple[Callable[[bytes, Path], None], str]] = {
    "rttm": (
        table("rttm"),
        "SPEAKER talk 1 0.5 0.75 <NA> <NA> A <NA> <NA>\n; a comment\nSPEAKER talk 1 1.5 2 <NA> <NA> B <NA>\n",
    ),
    "stm": (table("stm"), "talk 1 A 0 1.5 <o,f0,male> it's me\ntalk 1 B 2 3.25 yes\n"),
    "ctm": (read_as("a.ctm", read_segments), "talk 1 0.5 0.25 it's 0.9\ntalk A 1 0.1 me NA lex B\n"),
    "seglst": (table("seglst"), ROWS),
    "uem": (read_as("a.uem", read_uem), "talk 1 0 2\ntalk 1 1 4.5\n"),
    "segments of an unknown format": (read_as("a.txt", read_segments), "talk 1 A 0 1.5 it's me\ntalk 1 B 2 3.25 yes\n"),
    "conversation.json": (read_as("conversation.json", read_conversation), CONVERSATION),
    "recipe": (read_as("a.toml", recipe), 'chain = ["decode", "write"]\ndevice = "cpu"\nseed = 0\n[decode]\nsalvage = false\n'),
    "setting": (value, "diarize.mfcc.vad=energy"),
    "run.toml": (read_as("run.toml", settings), Settings({"chain": ["copy"], "seed": 1}, {"numpy": "2"}).to_toml()),
    "failure": (read_as("a.json", Failure.read), Failure("a", "in/a", "SD104", "file is empty", "hint").to_json()),
    "inputs.log": (
        read_as("inputs.log", Ledger.read),
        '{"file": "/a", "id": "a", "path": "a", "settled": true, "sha256": "00", "stamp": [1, 2, 3, 4]}\n',
    ),
    "SUMS": (read_as("item/SUMS", lambda path: list(item_faults(path.parent))), f"{'0' * 64}  copy.bin\n{'1' * 64}  d.json\n"),
    "data.jsonl": (
        read_as("data.jsonl", lambda path: validate("moshi", path.parent)),
        '{"duration":1.5,"path":"items/a/d.flac"}\n{"duration":2,"path":"items/b/d.flac"}\n',
    ),
    "sidecar": (
        read_as("moshi/a.json", sidecar),
        '{"alignments":[["yes",[0.5,0.9],"SPEAKER_MAIN"],["no",[1,1.25],"SPEAKER_USER"]]}',
    ),
    "manifest": (
        read_as("a.tsv", read_manifest),
        "utt\tspeaker\tfile\ttext\tseconds\trole\nu\tA\ta.wav\tyes\t1.5\tbackchannel\n",
    ),
    "lock of a pulled model": (
        read_as(shelf.LOCK, lambda path: shelf.read(path.parent)),
        json.dumps({"files": [asdict(shelf.Kept("a", "0", "b", "1"))], "repository": "a/b", "revision": "0"}),
    ),
    "CHiME-6": (
        read_as("S02.json", chime6._turns),
        '[{"speaker": "P05", "start_time": "0:01:02.50", "end_time": "62.9", "words": "a"}]',
    ),
    "CANDOR": (
        read_as("transcript.csv", candor._turns),
        "speaker,start,stop,utterance,backchannel,backchannel_speaker,backchannel_start,backchannel_stop\nA,0.5,1,yes,mm,B,0.7,0.8\n",
    ),
    "sides of CANDOR": (
        read_as("processed/channel_map.json", lambda path: candor._sides(path.parent.parent)),
        '{"L": "5f1", "R": "5f2"}',
    ),
    "Fisher": (read_as("fe_03_00001.txt", fisher._utterances), "# x\n0.5 1.25 A: yes [laughter] T_V_\n1.3 2 B: no\n"),
    "Switchboard": (
        read_as("sw2001A-ms98-a-trans.text", lambda path: switchboard._turns("A", path)),
        "sw2001A-ms98-a-0001 0.0 0.97 [laughter-yes] th[at]- [it'n/isn't] {alrighty} about_1\n",
    ),
    "LibriCSS": (read_as("meeting_info.txt", libricss._utterances), "start\tend\ts\tu\tt\n0.5\t1.5\t1088\tu-1\tYES IT IS\n"),
    "words of NXT": (read_as("a.words.xml", lambda path: nxt.tokens(path, lambda element: element.text or "")), XML),
    "segments of NXT": (
        read_as("a.segs.xml", lambda path: nxt.segments(path, "starttime", "endtime")),
        f'<r xmlns:nite="http://nite.sourceforge.net/"><segment starttime="1" endtime="2">{SEGMENT}</segment></r>',
    ),
    "ICSI": (
        read_as("a.mrt", lambda path: icsi._told(icsi.xml(path), "x")),
        '<Meeting><Segment Participant="me1" StartTime="0.5" EndTime="1.5">yes <NonVocalSound/> it is</Segment></Meeting>',
    ),
}


def other_values(data: Any, chance: random.Random) -> Any:
    """The JSON with one of its values replaced, or taken away."""
    if isinstance(data, dict | list) and data and chance.random() < 0.8:
        key = chance.choice(list(data) if isinstance(data, dict) else range(len(data)))
        if chance.random() < 0.2:
            del data[key]
        else:
            data[key] = other_values(data[key], chance)
        return data
    return chance.choice(VALUES)


def mutated(sample: bytes, chance: random.Random) -> bytes:
    """The sample with up to five things done to it; every second one of JSON is JSON again."""
    if sample[:1] in (b"{", b"[") and chance.random() < 0.5:
        lines = sample.decode().splitlines() if sample.count(b"\n{") else [sample.decode()]
        at = chance.randrange(len(lines))
        try:
            lines[at] = json.dumps(other_values(json.loads(lines[at]), chance))
        except ValueError:
            return sample
        return "\n".join(lines).encode() + b"\n"
    data = bytearray(sample)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 1, 2, 4, 16, len(data))))
        match chance.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at:end] = b""
            case 2:
                data[at:at] = chance.choice(TOKENS)
            case 3:
                data[at:end] = chance.choice(TOKENS)
            case 4:
                data[at:at] = data[end : end + 64] * chance.choice((1, 1, 3))
            case 5:
                data[at:end] = chance.randbytes(end - at)
    return bytes(data)


def attempt(target: Callable[[bytes, Path], None], data: bytes, folder: Path) -> str:
    """What was wrong with what the target did; nothing where it read the bytes or refused them with a code."""
    began = time.process_time()
    try:
        target(data, folder)
    except SepdiarError:
        pass
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return f"{type(error).__name__}: {error}"[:200]
    took = time.process_time() - began
    return f"{took:.1f} s" if took > 5 else ""


@pytest.mark.parametrize("name", TARGETS)
def test_f8_mutated_samples(name: str, tmp_path: Path, record_property: Any) -> None:
    target, sample = TARGETS[name]
    target(sample.encode(), tmp_path)  # which is good
    chance = random.Random(name)
    inputs = [mutated(sample.encode(), chance) for _ in range(MUTATIONS)]
    found = {wrong: data for data in inputs if (wrong := attempt(target, data, tmp_path))}
    assert not found
    record_property("cases", MUTATIONS)


def test_f8_control_a_parser_that_trusts_its_input_is_caught(tmp_path: Path, record_property: Any) -> None:
    def trusting(data: bytes, folder: Path) -> None:
        for line in data.decode().splitlines():
            if line.startswith("SPEAKER"):
                float(line.split()[3])

    chance = random.Random(8)
    caught = sum(bool(attempt(trusting, mutated(TARGETS["rttm"][1].encode(), chance), tmp_path)) for _ in range(MUTATIONS))
    record_property("cases", MUTATIONS)
    record_property("caught", caught)
    assert caught >= MUTATIONS / 10


DEEP, LONG = b"[" * 100_000, b"9" * 5000
FOUND = [
    *[(name, DEEP) for name in ("conversation.json", "failure", "inputs.log", "data.jsonl", "lock of a pulled model", "CHiME-6")],
    *[(name, LONG) for name in ("conversation.json", "data.jsonl", "segments of an unknown format", "CHiME-6")],
    ("sides of CANDOR", LONG),
    *[(name, b"seed = " + value) for name in ("recipe", "run.toml") for value in (DEEP, LONG)],
    *[("setting", b"seed=" + value) for value in (DEEP, LONG)],
    ("sides of CANDOR", b'{"L": ' + DEEP),
    ("CHiME-6", b'[{"speaker": "P05", "start_time": "-1:01:02.50", "end_time": "62.9", "words": "a"}]'),
    ("data.jsonl", b'{"duration": 2, "path": "items/b/' + LONG + b'"}'),
    ("data.jsonl", b'{"duration": ' + b"9" * 400 + b', "path": "items/b/d.flac"}'),
    ("data.jsonl", b'{"duration": 2, "path": "items/b/\\ud800.flac"}'),
    ("inputs.log", b"\xed\xa0\x80"),
    ("Fisher", b"0.5 1.25 A: yes " + b"[" * 5000),
]
"""Inputs with which a parser ended in a traceback, or did not end."""


@pytest.mark.parametrize("number", range(len(FOUND)))
@pytest.mark.timeout(60)
def test_f8_what_was_found_stays_mended(number: int, tmp_path: Path) -> None:
    name, data = FOUND[number]
    assert not attempt(TARGETS[name][0], data, tmp_path)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory, encode: Callable[..., Path]) -> dict[str, bytes]:
    noise = (0.1 * np.random.default_rng(8).standard_normal(8000)).astype(np.float32)
    folder = tmp_path_factory.mktemp("sounds")
    return {
        ending: encode(folder / f"a.{ending}", noise, 48_000 if ending == "webm" else 16_000).read_bytes() for ending in SOUNDS
    }


def damaged(sound: bytes, chance: random.Random) -> bytes:
    """Mutations of which half are in the head, where the structure is."""
    edge = min(200, len(sound))
    return mutated(sound[:edge], chance) + sound[edge:] if chance.random() < 0.5 else mutated(sound, chance)


@pytest.mark.parametrize("ending", SOUNDS)
def test_f8_containers_are_looked_into_without_harm(
    ending: str, sounds: dict[str, bytes], tmp_path: Path, record_property: Any
) -> None:
    chance = random.Random(ending)
    found = {wrong for _ in range(MUTATIONS) if (wrong := attempt(contained, damaged(sounds[ending], chance), tmp_path))}
    assert not found
    record_property("cases", MUTATIONS)


def decoded(data: bytes, path: Path) -> str:
    """What was wrong with how the decoder's process took it."""
    path.write_bytes(data)
    try:
        made = decode(path, path.with_suffix(".f32"), timeout_seconds=20)
        return "" if made.audio.samples else "no samples, and no code"
    except SepdiarError as error:
        return str(error) if error.code in ("SD140", "SD901", "SD902") or "Traceback" in str(error) else ""


@pytest.mark.parametrize("ending", SOUNDS)
def test_f8_damaged_sound_through_the_decoder(
    ending: str, sounds: dict[str, bytes], tmp_path: Path, record_property: Any
) -> None:
    chance = random.Random(ending)
    found = {wrong for _ in range(4) if (wrong := decoded(damaged(sounds[ending], chance), tmp_path / "a"))}
    assert not found
    record_property("cases", 4)


DECODER = """
import contextlib, json, os, resource, sys
from sepdiar.audio import decode_process
from sepdiar.audio.readers import ffmpeg, frames, sndfile
folder, most = sys.argv[1], int(sys.argv[2])
for line in sys.stdin:
    path = line.strip()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        file = os.open(path, os.O_RDONLY)
        os.dup2(file, 0)
        os.dup2(writing, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        sys.argv = ["", json.dumps({"out": folder + "/out"})]
        code = 99
        with contextlib.suppress(BaseException):
            code = decode_process.main()
        os._exit(code)
    os.close(writing)
    said = os.fdopen(reading, "rb").read().decode()
    _, status, used = os.wait4(child, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_maxrss, said]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("ending", SOUNDS)
def test_f8_ten_thousand_damaged_sounds_through_the_decoder(
    ending: str, sounds: dict[str, bytes], tmp_path: Path, record_property: Any
) -> None:
    """The decoder's own main, in a process forked for each sound: it answers, whatever comes, and within its memory.

    A crash below Python is an answer too, which `decode` turns into SD112; they are counted.
    """
    chance, bad, crashes = random.Random(ending), [], 0
    command = [sys.executable, "-c", DECODER, str(tmp_path), "60"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as decoder:
        assert decoder.stdin and decoder.stdout
        for number in range(10_000):
            path = tmp_path / f"a{number % 2}"
            data = damaged(sounds[ending], chance)
            path.write_bytes(data)
            decoder.stdin.write(f"{path}\n")
            decoder.stdin.flush()
            code, memory, said = json.loads(decoder.stdout.readline())
            crashes += code < 0
            answers = [json.loads(line) for line in said.splitlines()]
            answered = any("result" in answer or "error" in answer for answer in answers)
            wrong = any(answer.get("error", [""])[0] == "SD901" for answer in answers)
            if (code >= 0 and (code or not answered)) or wrong or memory > 2 << 20 or code == -9:
                bad.append((number, code, memory, said[-200:]))
                (tmp_path / f"bad-{number}").write_bytes(data)
        decoder.stdin.close()
    assert not bad
    record_property("cases", 10_000)
    record_property("about", f"{ending}: {crashes} crashes below Python, each SD112")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", [*TARGETS, "containers"])
def test_f8_atheris_finds_nothing(name: str, tmp_path: Path, sounds: dict[str, bytes], record_property: Any) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("needs atheris: make fuzz")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for ending, data in sounds.items() if name == "containers" else ():
        (corpus / ending).write_bytes(data)
    runs = int(os.environ.get("SEPDIAR_FUZZ_RUNS", RUNS))
    command = [sys.executable, str(Path(__file__).with_name("fuzz.py")), name, str(corpus), f"-runs={runs}", "-seed=8"]
    ended = subprocess.run(
        [*command, "-rss_limit_mb=2048", "-timeout=20"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    record_property("cases", runs)
