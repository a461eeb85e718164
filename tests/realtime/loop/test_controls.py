import os

from realtime.loop.controls import CONTROLS, WORDS, LineReader


def test_the_end_of_the_lines_is_not_the_end_of_the_session() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"blur\n\nmirror")
    os.close(writing)
    lines = LineReader(reading)
    lines._thread.join(10)
    assert not lines._thread.is_alive()
    assert [lines.take() for _ in range(4)] == ["blur", "", "mirror", None]  # the last without a newline
    lines.close()
    os.close(reading)


def test_keys_and_words_are_one() -> None:
    assert len({control.key for control in CONTROLS}) == len({control.word for control in CONTROLS}) == len(CONTROLS)
    assert all(WORDS[control.key] == WORDS[control.word] == control.word for control in CONTROLS)
