"""The service against its own description: requests made of it, right and wrong, get an answer that it promises."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from realtime.serve.limits import Limits
from tests.realtime.plain_engine import PlainEngine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
from tests.realtime.serve.serving import serving

EXAMPLES = 30  # of each kind
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_each_request_gets_an_answer_that_is_described(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="Schemathesis is not installed")  # here: its imports take long
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with serving(PlainEngine(), Limits(pixels=10_000)) as address:
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
        checks = [schemathesis.checks.CHECKS.get_one(name) for name in CHECKS]

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=schema.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
        def answered(case: Any) -> None:
            case.call_and_validate(timeout=30, checks=checks)

        answered()
    assert list(tmp_path.iterdir()) == []
