import pytest

from tests.realtime.fake_time import FakeTime


@pytest.fixture
def fake_time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    for module in ("live_source", "reconnecting"):
        monkeypatch.setattr(f"realtime.inputs.{module}.time", fake)
    return fake
