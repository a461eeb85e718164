"""What the README, CONTRIBUTING and docs/ ask a reader to type: it runs here, or at least the commands parse it."""

import importlib
import importlib.util
import itertools
import json
import re
import shlex
import shutil
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer

import realtime
from benchmarks.figures import TABLES
from realtime.commands.live import fill_in_values
from realtime.inputs.video_file import VideoSource
from realtime.outputs.video_file import VideoSink
from tests.realtime.plain_engine import plain_engine

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SAMPLES = Path(realtime.__file__).parent / "samples"
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}
LINKED = ("CHANGELOG.md", "engines/released/MODEL_CARD.md", "realtime/samples/CREDITS.md")  # pages without commands to run
LONGEST_README = 200  # lines
LONGEST_EXAMPLE = 10  # lines


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of one kind on a page, those inside lists too."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", PAGES[page], re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, of_kind, block in found if of_kind == kind]


def commands(page: str) -> list[list[str]]:
    """Each command of a page's console blocks as words; those joined by && or | are apart.

    .venv/bin/ is taken off, and the variables before a command: SHM_WEIGHTS.
    """
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    parts = [part for line in lines for part in re.split(r" (?:&&|\|) ", line)]
    return [shlex.split(re.sub(r"^(SHM_WEIGHTS=\S+ |\.venv/bin/)", "", part)) for part in parts]


def understood(name: str, app: typer.Typer, words: list[str]) -> dict[str, Any]:
    """What a command takes from its words, without running. Raises an error where an option or a value is not known."""
    taken: dict[str, Any] = {}

    def divert(command: Any) -> None:
        command.callback = taken.update
        for each in getattr(command, "commands", {}).values():
            divert(each)

    command = typer.main.get_command(app)
    divert(command)
    command.main(words, prog_name=name, standalone_mode=False)
    return taken


ALL_COMMANDS = [words for words, _ in itertools.groupby(sorted(words for page in PAGES for words in commands(page)))]
EXAMPLES = [(page, number) for page in PAGES for number in range(len(blocks(page, "python")))]


def test_blocks_are_of_known_kinds() -> None:
    for page, text in PAGES.items():
        fences = re.findall(r"^ *```(.*)$", text, re.MULTILINE)
        assert set(fences[::2]) <= {"console", "python", ""}, page
        assert set(fences[1::2]) <= {""}, page
        assert len(fences) % 2 == 0, page
        assert len(blocks(page, "console") + blocks(page, "python") + blocks(page, "")) == len(fences) // 2, page
    assert sum(len(blocks(page, "console")) for page in PAGES) >= 24


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= LONGEST_README
    assert [block for block in blocks("README.md", "python") if len(block.splitlines()) > LONGEST_EXAMPLE] == []


def test_the_readme_leads_to_every_page() -> None:
    links = re.findall(r"\]\(([^)#\s]+)", PAGES["README.md"])
    assert set(PAGES) - {"README.md"} <= set(links)


def test_the_two_commands_that_set_everything_up_are_what_ci_runs() -> None:
    pattern = r"^python3 -m venv .* && "
    lines = [line for line in PAGES["README.md"].splitlines() if re.search(pattern, line)]
    assert f"grep -E '{pattern}' README.md" in (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert len(lines) == 2
    run, test = lines
    assert " .venv/bin/shm-video realtime/samples/sample.mp4 out.mp4 --bg realtime/samples/background.jpg" in run
    assert test.endswith(" && .venv/bin/pytest -n 3")


@pytest.mark.parametrize("words", ALL_COMMANDS, ids=shlex.join)
def test_each_command_is_one_that_exists(words: list[str]) -> None:
    name, *rest = words
    if name in PROJECT["scripts"]:
        module = PROJECT["scripts"][name].split(":")[0]
        rest = fill_in_values(rest) if name == "shm-live" else rest
        assert understood(name, importlib.import_module(module).app, rest)
    elif name == "torchrun":
        assert rest[:5] == ["--standalone", "--nproc-per-node", "2", "--no-python", "shm-train"]
        assert understood("shm-train", importlib.import_module("train.commands.train").app, rest[5:])
    elif name == "pip":
        assert rest[0] == "install"
        asked = [extra for extras in re.findall(r"\.\[([\w,-]+)\]", " ".join(rest)) for extra in extras.split(",")]
        assert set(asked) <= set(PROJECT["optional-dependencies"])
        assert asked or rest[-1] == "." or rest[1] in PROJECT["optional-dependencies"]["torch"]
    elif name == "ffmpeg":  # tests/realtime/jobs/test_pipes.py runs such pipes
        assert rest[-3:] == ["-f", "matroska", "-"] or rest[-3:-1] == ["-i", "-"]
    elif name == "curl":  # tests/realtime/commands/test_serve.py runs them
        assert "http://127.0.0.1:8400/v1/" in shlex.join(rest)
    else:
        assert words in (
            ["python3", "-m", "venv", ".venv"],
            ["tensorboard", "--logdir", "runs/mine/logs"],
            ["pytest", "-n", "3"],
            ["ruff", "check", "."],
            ["ruff", "format", "."],
            ["mypy"],
            ["python", "-m", "tests.fuzz"],
        )


def test_a_wrong_option_would_be_noticed() -> None:
    app = importlib.import_module("realtime.commands.video").app
    assert understood("shm-video", app, ["in.mp4", "out.mp4", "--crf", "20"])["crf"] == 20
    for wrong, told in ((["--quality", "20"], "--quality"), (["--crf", "99"], "63"), (["--fit", "tile"], "cover")):
        with pytest.raises(Exception, match=told):
            understood("shm-video", app, ["in.mp4", "out.mp4", *wrong])


def test_extras_are_named_as_they_are() -> None:
    lists = re.findall(r"pip install (?:-e )?'\.\[([\w,-]+)\]'", "".join(PAGES.values()))
    asked = {extra for extras in lists for extra in extras.split(",")}
    assert {"torch", "train", "test", "dev"} <= asked <= set(PROJECT["optional-dependencies"])


@pytest.fixture(scope="module")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first frames of the sample."""
    path = tmp_path_factory.mktemp("readme") / "short.mp4"
    with VideoSource(SAMPLES / "sample.mp4") as source, VideoSink(path, width=source.width, height=source.height) as sink:
        for packet in itertools.islice(source, 5):
            packet.picture = packet.frame
            sink.write(packet)
    return path


@pytest.fixture
def place(tmp_path: Path, short_clip: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages name, the clips cut short."""
    samples = tmp_path / "realtime/samples"
    shutil.copytree(SAMPLES, samples)
    for clip in ("talk.mp4", "waves.mp4", "realtime/samples/sample.mp4"):
        shutil.copy(short_clip, tmp_path / clip)
    shutil.copy(samples / "portrait.jpg", tmp_path)
    shutil.copy(samples / "background.jpg", tmp_path / "beach.jpg")
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(samples / "portrait.jpg", tmp_path / "photos" / name)
    (tmp_path / "render").mkdir()
    for number in range(1, 6):
        cv2.imwrite(str(tmp_path / "render" / f"{number:05d}.png"), np.full((96, 64, 3), 40 * number, np.uint8))
    (tmp_path / "clips").mkdir()
    shutil.copy(short_clip, tmp_path / "clips" / "talk.mp4")
    (tmp_path / "masks").mkdir()
    mask = np.full((800, 800), 255, np.uint8)
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / "masks" / name), mask)
    images = [{"id": id_, "file_name": f"{id_}.jpg", "height": 800, "width": 800} for id_ in "ab"]
    whole = {"category_id": 1, "segmentation": [[0, 0, 800, 0, 800, 800, 0, 800]]}
    shapes = [{"image_id": id_, **whole} for id_ in "ab"]
    coco = {"images": images, "categories": [{"id": 1, "name": "person"}], "annotations": shapes}
    (tmp_path / "instances.json").write_text(json.dumps(coco))
    monkeypatch.chdir(tmp_path)
    return tmp_path


ON_FILES = [  # without those that need a long clip, a pipe, or a cluster (tests/realtime/jobs/test_ray.py has one)
    words
    for words in ALL_COMMANDS
    if words[0] in {"shm-video", "shm-image", "shm-refine"}
    and not any(each in ("--start", "-", "--ray") or "@" in each for each in words)
]


@pytest.mark.parametrize("words", ON_FILES, ids=shlex.join)
def test_commands_on_files_do_their_work(words: list[str], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = place / [*itertools.takewhile(lambda word: not word.startswith("-"), words)][-1]
    target = target.parent if "%" in target.name else target
    assert not target.exists()
    main = importlib.import_module(PROJECT["scripts"][words[0]].split(":")[0]).main
    monkeypatch.setattr(sys, "argv", words)
    with plain_engine() as engine, pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    if "--dry-run" in words:
        assert engine.calls == 0
        assert not target.exists()
        return
    assert engine.calls == (5 if words[0] == "shm-video" else 2 if any(word.startswith("photos/") for word in words) else 1)
    assert target.exists()


@pytest.mark.parametrize(("page", "number"), EXAMPLES)
def test_python_examples_run(page: str, number: int, place: Path) -> None:
    with plain_engine() as engine:
        run_example(page, number)
    assert engine.calls > 0
    assert engine.closed


def test_the_python_example_of_a_video(place: Path) -> None:
    with plain_engine() as engine:
        run_example("README.md", 0)
    assert engine.calls == 5
    with VideoSource(place / "talk.mp4") as before, VideoSource(place / "talk-at-the-beach.mp4") as after:
        pairs = list(zip(before, after, strict=True))
    assert len(pairs) == 5
    assert all(np.abs(a.frame.astype(int) - b.frame).mean() > 5 for a, b in pairs)


def test_the_python_example_of_a_picture(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_example("docs/python.md", 0)
    printed = capfd.readouterr()
    assert "(800, 800) float32" in printed.out
    assert printed.err == ""
    made, before = (cv2.imread(str(place / name), cv2.IMREAD_UNCHANGED) for name in ("cut-out.png", "portrait.jpg"))
    assert made is not None
    assert before is not None
    assert made.shape == (*before.shape[:2], 4)
    assert 50 < made[..., 3].mean() < 200


def run_example(page: str, number: int) -> None:
    """Run a Python block of a page."""
    exec(compile(blocks(page, "python")[number], f"{page}, example {number}", "exec"), {"__name__": "example"})


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = [
        line.lstrip("#") for line in re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S).splitlines() if line[:1] == "#"
    ]
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *LINKED])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), f"{page}: {link}"
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_files_that_pages_name_exist(page: str) -> None:
    paths = re.findall(r"`((?:engines|realtime|train|benchmarks|tests|docs|\.ci)/[\w./-]*)`", PAGES[page])
    assert [path for path in paths if not (ROOT / path).exists()] == []
    modules = {path.name for folder in ("engines", "realtime", "train", "benchmarks") for path in (ROOT / folder).rglob("*.py")}
    assert set(re.findall(r"`(\w+\.py)`", PAGES[page])) <= modules


@pytest.mark.parametrize("page", PAGES)
def test_blocks_of_figures_are_well_formed(page: str) -> None:
    marks = re.findall(r"^<!-- (/?figures(?::\w+)?) -->$", PAGES[page], re.MULTILINE)
    assert set(marks[1::2]) <= {"/figures"}
    assert len(marks) % 2 == 0
    assert {mark.removeprefix("figures:") for mark in marks[::2]} <= set(TABLES)


def test_every_table_of_figures_is_on_a_page() -> None:
    assert set(re.findall(r"^<!-- figures:(\w+) -->$", "".join(PAGES.values()), re.MULTILINE)) == set(TABLES)
