"""Every way sepdiar can refuse, as a code with what happened, where, and how to mend it."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

DONE, SOME_FAILED, USAGE, ENVIRONMENT, IO, BUSY, INTERRUPTED = 0, 1, 2, 3, 74, 75, 130


@dataclass(frozen=True)
class Code:
    """One row of the catalogue: what `sepdiar explain` prints."""

    title: str
    why: str
    mend: str
    exit: int = SOME_FAILED
    skips: bool = False  # the recording is skipped for a reason, which is not a failure


CODES: dict[str, Code] = {
    # SD1xx: one recording cannot be used; the others are untouched
    "SD101": Code("input not found", "No file has this path.", "Check the path; quote names that hold spaces."),
    "SD102": Code(
        "not a regular file",
        "Devices, pipes, sockets and dangling links are never opened: reading them can block for ever.",
        "Copy the audio into a regular file.",
    ),
    "SD103": Code("permission denied", "The file exists but may not be read.", "chmod u+r the file, or run as its owner."),
    "SD104": Code("file is empty", "The file has no bytes.", "Fetch or record it again."),
    "SD105": Code(
        "not audio",
        "The first bytes are of none of the containers that sepdiar reads (WAV, AIFF, AU, CAF, FLAC, MP3, Ogg, Opus, M4A/AAC, WebM); names are not looked at.",
        "Convert it to FLAC or WAV, or leave it out.",
    ),
    "SD106": Code(
        "no audio stream that can be decoded",
        "The container is known, but holds no audio stream, or one in a codec or layout that the decoder lacks.",
        "Convert it to FLAC or WAV.",
    ),
    "SD110": Code("no samples", "The header is there, and not one sample behind it.", "Fetch or record it again."),
    "SD111": Code(
        "too short",
        "The recording is shorter than decode.minimum_seconds.",
        "Leave it out, or lower the limit: --set decode.minimum_seconds=0.5",
    ),
    "SD112": Code(
        "damaged",
        "The decoder met bytes that break the format, or fewer samples than the file declares. Decoding on would shift "
        "everything behind the damage in time, and train a model on it.",
        "Fetch it again, or keep the rest with --salvage: the damaged span stays, as silence, and is noted.",
    ),
    "SD114": Code(
        "samples that are not numbers",
        "The file holds NaN or infinite samples.",
        "Export it again, or keep the rest with --salvage: those samples become silence and are noted.",
    ),
    "SD115": Code(
        "over the limit",
        "The recording decodes to more than decode.maximum_hours: a broken header, or a file made to exhaust the disk.",
        "If it is real: --set decode.maximum_hours=48",
    ),
    "SD116": Code(
        "file changed while it was read",
        "Size or modification time differ before and after decoding.",
        "Wait until whatever writes it has finished, then: sepdiar retry RUN",
    ),
    "SD117": Code(
        "a rate that FLAC cannot hold",
        "FLAC holds every rate up to 65535 Hz, and above that, up to 655350 Hz, multiples of 10.",
        "Resample it to 48000 Hz first.",
    ),
    "SD118": Code(
        "too much for the disk",
        "The file or its samples, which lie on the disk at 4 bytes each while they are worked on, take more than "
        "decode.maximum_gigabytes; or its samples take more than a gigabyte and more than decode.maximum_expansion times "
        "the file, as no speech does: hours of silence in a tiny file fill a disk.",
        "If it is real, raise the limit that the message names.",
    ),
    "SD120": Code(
        "no speech found", "The diarizer found nobody speaking.", "Nothing to mend if it is music or silence.", skips=True
    ),
    "SD121": Code(
        "no stretch for two speakers",
        "Two channels need two speakers; the diarizer found one, or no stretch in which just two talk.",
        "Nothing to mend if it is a monologue. If two people talk: --set diarize.speakers=2. For meetings: --pairing main",
        skips=True,
    ),
    "SD122": Code("the same recording again", "Another input has the same bytes.", "Nothing to mend.", skips=True),
    "SD140": Code(
        "timed out",
        "The recording took longer than its limit allows; the worker was stopped.",
        "sepdiar retry RUN, or leave it out.",
    ),
    # SD2xx: what was asked for cannot be done as asked
    "SD200": Code("wrong usage", "The command line could not be understood.", "See --help of the command.", exit=USAGE),
    "SD201": Code(
        "unknown name", "No backend, recipe, format or code has this name.", "sepdiar backends lists the names.", exit=USAGE
    ),
    "SD202": Code(
        "value out of range", "A setting has a value that it cannot take.", "See --help, or the recipe's comments.", exit=USAGE
    ),
    "SD203": Code(
        "file of settings cannot be read", "The TOML file is missing or malformed.", "Mend the line named.", exit=USAGE
    ),
    "SD204": Code(
        "this chain cannot work",
        "A stage needs something that no stage before it provides.",
        "Add the stage that provides it, or change the order in the recipe.",
        exit=USAGE,
    ),
    "SD205": Code(
        "the run was made with another configuration",
        "Outputs of two configurations are never mixed in one run directory.",
        "Choose another --out, or set the key named back.",
        exit=USAGE,
    ),
    "SD206": Code("no inputs", "Nothing that is audio was found under the paths given.", "Check the paths.", exit=USAGE),
    "SD207": Code("not a run directory", "There is no run.toml in it.", "Give the directory that --out named.", exit=USAGE),
    "SD208": Code(
        "a licence is in the way",
        "A model of this chain has a licence that forbids the use that was named, or none that sepdiar knows to permit it.",
        "Choose another model (sepdiar models list has their licences), or another --use.",
        exit=USAGE,
    ),
    "SD209": Code(
        "not a run of sepdiar",
        "The folder holds files and is not a run directory. sepdiar writes only into folders that are absent, empty, or its own.",
        "Choose another --out.",
        exit=USAGE,
    ),
    "SD210": Code(
        "would overwrite its own input", "Input and output are the same file.", "Choose another name for the output.", exit=USAGE
    ),
    "SD211": Code(
        "no such file or folder",
        "A path that was given leads to nothing, so that nothing was begun.",
        "Check the path; quote names that hold spaces.",
        exit=USAGE,
    ),
    # SD25x: the environment cannot do it
    "SD250": Code("a package is missing", "An optional package is not installed.", "Run the command named.", exit=ENVIRONMENT),
    "SD251": Code("a model is missing", "Its weights are not on this machine.", "Run the command named.", exit=ENVIRONMENT),
    "SD252": Code("a backend cannot be loaded", "Its entry point raised an error.", "sepdiar doctor", exit=ENVIRONMENT),
    "SD253": Code("no such device", "The device asked for is not on this machine.", "--device cpu", exit=ENVIRONMENT),
    "SD254": Code(
        "not enough memory on the device",
        "The separator ran out of memory, with a single window and with the shortest one that it is given.",
        "Stop what else uses the device (nvidia-smi shows it), or --device cpu, or choose a smaller separator.",
    ),
    # SD26x: a model that others publish cannot be pulled
    "SD260": Code(
        "the model hub cannot be reached",
        "No network, a proxy or a mirror (HF_ENDPOINT) that does not answer, or a hub that is down. Only pulling a model needs it.",
        "Run the same command again when it is back: it goes on where it stopped. On another machine: copy the folder of pulled models.",
        exit=ENVIRONMENT,
    ),
    "SD261": Code(
        "the model hub wants to know who you are",
        "The authors give these weights only to accounts that have accepted their conditions.",
        "Accept the conditions on the model's page, then: hf auth login (or export HF_TOKEN), and pull again.",
        exit=ENVIRONMENT,
    ),
    "SD262": Code(
        "the model hub does not have it",
        "The repository, the commit or the file that the card names is not there: its authors removed it.",
        "pip install --upgrade sepdiar, for a newer card; or choose another model: sepdiar models list",
        exit=ENVIRONMENT,
    ),
    "SD263": Code(
        "not the weights that were expected",
        "What arrived has another SHA-256 than the model's card, the first pull, the hub or the index says. It is not kept.",
        "Run the command named.",
        exit=ENVIRONMENT,
    ),
    "SD264": Code(
        "weights that cannot be read safely",
        "The pickle holds more than tensors and harmless values. Reading it could run its author's code, so it is not read.",
        "Choose another model: sepdiar models list",
        exit=ENVIRONMENT,
    ),
    "SD265": Code("the model is being pulled", "Another process pulls it now.", "Wait for it, or stop it.", exit=BUSY),
    "SD267": Code(
        "the package index cannot be reached",
        "The installer (pip or uv) got no answer from the index of your configuration, or one that refuses: no network, a proxy or "
        "a mirror that is down, or wrong credentials.",
        "Run the same command again when it is back: wheels that arrived are kept.",
        exit=ENVIRONMENT,
    ),
    "SD268": Code(
        "the package index does not have it",
        "The index of your configuration has no wheel of this name and version, or the wheel lacks the file that the card names. "
        "Mirrors may lack what the public index has.",
        "Take it from the hub (--from hub), or bring the files: sepdiar models add NAME FOLDER",
        exit=ENVIRONMENT,
    ),
    # SD3xx: the disk
    "SD301": Code("no space left", "The disk is full.", "Free space and run the same command again: it continues.", exit=IO),
    "SD302": Code(
        "input/output error",
        "The disk refused to read or write.",
        "Check the disk, then run the same command again: it continues.",
        exit=IO,
    ),
    "SD303": Code("quota exceeded", "Your quota on this disk is used up.", "Free space and run the same command again.", exit=IO),
    "SD304": Code(
        "too many open files", "The limit of open files is reached.", "ulimit -n 4096, then run the same command again.", exit=IO
    ),
    "SD305": Code(
        "may not write there", "The directory cannot be written.", "Choose another --out, or mend its permissions.", exit=IO
    ),
    "SD306": Code(
        "an output does not match its checksum",
        "A finished item was changed after it was written.",
        "sepdiar verify RUN --repair",
        exit=SOME_FAILED,
    ),
    "SD307": Code(
        "a file of the run is not as sepdiar writes it",
        "Where a run keeps its own files there is a link, a pipe or a folder, or a file that is too large or malformed. "
        "Links are never followed.",
        "Move it away, or put the original back; then: sepdiar verify RUN --repair",
        exit=IO,
    ),
    "SD310": Code("the run is in use", "Another process works on this run directory.", "Wait for it, or stop it.", exit=BUSY),
    # SD4xx: what a manifest or an archive may not ask for
    "SD401": Code(
        "path leads outside",
        "A manifest, or a corpus, names a file outside its own folder.",
        "Move the file below that folder, or name one around both: with --root, or as the corpus.",
        exit=USAGE,
    ),
    "SD402": Code(
        "not a file on this disk",
        "URLs, pipes and commands in a manifest are never followed.",
        "Download the file first.",
        exit=USAGE,
    ),
    "SD403": Code("malformed manifest", "A line of the manifest cannot be read.", "Mend the line named.", exit=USAGE),
    # SD5xx: formats
    "SD501": Code(
        "not valid",
        "The files break a rule of the reader that will train on them.",
        "The message names the file, the rule and the value.",
        exit=SOME_FAILED,
    ),
    "SD502": Code(
        "cannot be parsed", "A file of turns or words does not have the form its name says.", "Mend the line named.", exit=USAGE
    ),
    # SD6xx: scoring
    "SD601": Code(
        "reference and hypothesis do not match",
        "They have different recordings, rates, or lengths.",
        "Give pairs that belong together.",
        exit=USAGE,
    ),
    "SD602": Code(
        "nothing to score",
        "The reference is empty, so that a rate would divide by nothing.",
        "Give a reference with speech.",
        exit=USAGE,
    ),
    "SD603": Code(
        "unknown corpus layout",
        "The folder does not look like any layout that can be read, or lacks a part that its layout has.",
        "Name the layout with --layout, and check the folder against what the message says.",
        exit=USAGE,
    ),
    # SD7xx: training
    "SD701": Code(
        "the training does not get anywhere",
        "No step has a finite gradient any more: the learning rate is too high, or a batch holds what is no number.",
        "Lower training.rate in the recipe and begin again in another --out.",
    ),
    # SD9xx: ours
    "SD901": Code(
        "a stage failed",
        "An error that sepdiar does not know.",
        "Please report it with the message and the traceback in failures/.",
    ),
    "SD902": Code(
        "the worker died",
        "The process that worked on this recording was killed or crashed three times (often: out of memory).",
        "sepdiar retry RUN --workers 1",
    ),
    "SD903": Code("interrupted", "You stopped it.", "Run the same command again: it continues.", exit=INTERRUPTED),
}

SECRET = re.compile(r"hf_[A-Za-z0-9]{20,}|(?<=://)[^/@\s]+(?=@)")

_BY_ERRNO = {
    errno.ENOSPC: "SD301",
    errno.EFBIG: "SD301",
    errno.EDQUOT: "SD303",
    errno.EMFILE: "SD304",
    errno.ENFILE: "SD304",
    errno.EACCES: "SD305",
    errno.EPERM: "SD305",
    errno.EROFS: "SD305",
    errno.EEXIST: "SD305",
    errno.ENOTDIR: "SD305",
}


def without_secrets(text: str) -> str:
    """A text in which nobody finds a token of the model hub, or the name and password in an address.

    >>> without_secrets("hf_abcdefghijklmnopqrstuvwxyz at https://me:secret@mirror.example/hub")
    '*** at https://***@mirror.example/hub'
    """
    return SECRET.sub("***", text)


class SepdiarError(Exception):
    """An error that a user can act on: a code of `CODES`, what happened, where, and how to mend it.

    >>> print(SepdiarError("SD104", "0 bytes", where="talk.wav"))
    SD104 file is empty: talk.wav: 0 bytes
    """

    def __init__(self, code: str, what: str = "", *, where: str = "", hint: str = "") -> None:
        self.code, self.what, self.where = code, without_secrets(what), without_secrets(where)
        self.hint = without_secrets(hint) or CODES[code].mend
        super().__init__(code, self.what, self.where, self.hint)

    def __str__(self) -> str:
        parts = [f"{self.code} {CODES[self.code].title}", self.where, self.what]
        return ": ".join(part for part in parts if part)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.code, self.what, self.where, self.hint)

    @property
    def exit(self) -> int:
        """The exit code that a command ends with when this error stops it."""
        return CODES[self.code].exit


def _rebuild(code: str, what: str, where: str, hint: str) -> SepdiarError:
    return SepdiarError(code, what, where=where, hint=hint)


def from_os_error(error: OSError, where: str = "") -> SepdiarError:
    """The code for what the operating system refused while writing; reading input has its own codes (SD101 to SD103)."""
    code = _BY_ERRNO.get(error.errno or 0, "SD302")
    return SepdiarError(code, error.strerror or str(error), where=where or str(error.filename or ""))
