"""What is to be done to a file, and what was done."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from realtime.outputs.formats import suffix_of


@dataclass(frozen=True, kw_only=True)
class VideoPlan:
    """What a job would do.

    Attributes:
        source, target: the files to read and to write.
        width, height: of the file to write, in pixels.
        frames: about how many, as far as the source says so.
        duration: of them in seconds, likewise.
        codec: of the file to write, for people.
        audio: names of the codecs of the sound.
        converted_audio: which of them are converted, and to what, because the file cannot hold them; the others are copied.
        subtitles: names of the codecs of the tracks of subtitles that the file gets.
        converted_subtitles: which of them are converted, and to what.
    """

    source: Path
    target: Path
    width: int
    height: int
    frames: int | None
    duration: float | None
    codec: str
    audio: tuple[str, ...]
    converted_audio: str | None = None
    subtitles: tuple[str, ...] = ()
    converted_subtitles: str | None = None

    def line(self) -> str:
        """All of it in one line."""
        frames = "frames of unknown number" if self.frames is None else f"{self.frames} frames"
        seconds = "" if self.duration is None else f", {self.duration:.1f} s"
        sound = f"sound copied ({', '.join(self.audio)})" if self.audio else "no sound"
        if self.converted_audio is not None:
            sound = f"sound converted ({self.converted_audio})"
        text = f", subtitles copied ({', '.join(self.subtitles)})" if self.subtitles else ""
        if self.converted_subtitles is not None:
            text = f", subtitles converted ({self.converted_subtitles})"
        return f"{self.source} -> {self.target}: {self.width}x{self.height}, {frames}{seconds}, {self.codec}, {sound}{text}"

    def record(self) -> dict[str, Any]:
        """The same for JSON."""
        return {**asdict(self), "source": str(self.source), "target": str(self.target), "status": "planned"}


@dataclass(frozen=True, kw_only=True)
class VideoReport:
    """What was done.

    Attributes:
        source, target: the files that were read and written.
        complete: whether the file is; otherwise other shards still have to do theirs.
        frames: in the file that was written, or in this shard of it.
        done_before: of these, by an interrupted run.
        searched: frames that were matted, small, to find whom to keep.
        seconds: from the first frame to the finished file.
        stage_ms: median milliseconds a frame of each stage; they run side by side.
        damaged, damaged_audio, damaged_subtitles: parts of the source, its sound and subtitles that were left out.
        shortfall: a line that says so if the source should go on for longer.
        converted_audio: which codecs of its sound were converted, and to what, because the result cannot hold them.
        converted_subtitles: the same of its subtitles.
        silent: whether the source's sound was left out because the result holds none.
        left_out: what else of the source is not in the result, in words; empty if nothing is.
    """

    source: Path
    target: Path
    frames: int
    done_before: int = 0
    searched: int = 0
    complete: bool = True
    seconds: float
    stage_ms: dict[str, float]
    damaged: int = 0
    damaged_audio: int = 0
    damaged_subtitles: int = 0
    shortfall: str | None = None
    converted_audio: str | None = None
    converted_subtitles: str | None = None
    silent: bool = False
    left_out: str = ""

    @property
    def speed(self) -> str:
        """Frames, seconds and frames a second in words."""
        new = self.frames - self.done_before
        before = f" after {self.done_before} that were done before" if self.done_before else ""
        return f"{new} frames in {self.seconds:.1f} s{before}, {self.frames_a_second:.1f} frames/s"

    @property
    def frames_a_second(self) -> float:
        """Frames a second of this run."""
        return (self.frames - self.done_before) / self.seconds

    def notes(self) -> list[str]:
        """A line for each thing that the file lacks, or has in another form."""
        lines, suffix = [], suffix_of(self.target)
        if self.searched:
            lines.append(f"{self.source}: {self.searched} frames were searched first for whom to keep")
        if self.damaged:
            lines.append(f"{self.source}: {self.damaged} damaged parts were left out")
        if self.shortfall is not None:
            lines.append(self.shortfall)
        if self.damaged_audio:
            lines.append(f"{self.source}: {self.damaged_audio} damaged packets of its audio were left out")
        if self.damaged_subtitles:
            lines.append(f"{self.source}: {self.damaged_subtitles} damaged packets of its subtitles were left out")
        if self.converted_audio is not None:
            lines.append(f"{self.target}: its sound was converted, {self.converted_audio}, which {suffix} can hold")
        if self.converted_subtitles is not None:
            lines.append(f"{self.target}: its subtitles were converted, {self.converted_subtitles}, which {suffix} can hold")
        if not self.complete:
            lines.append(f"{self.target}: appears when all shards of it are done")
        if self.silent:
            lines.append(f"{self.target}: pictures hold no sound; that of {self.source} is left out")
        if self.left_out:
            lines.append(f"{self.target}: is without {self.left_out} of {self.source}")
        return lines

    def record(self) -> dict[str, Any]:
        """The same for JSON."""
        record = {**asdict(self), "source": str(self.source), "target": str(self.target)}
        return {**record, "frames_a_second": self.frames_a_second, "status": "written" if self.complete else "part"}
