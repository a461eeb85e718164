"""FP16 graphs into TensorRT engines. Two packages with the same names serve: `tensorrt` and `tensorrt_rtx`.

`tensorrt` builds on the GPU that will run the engine. `tensorrt_rtx` also builds ahead of time, with no GPU and no driver, for
a named GPU generation: its compute capability, "sm89".
"""

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from onnx import ModelProto

from engines.backends import BACKENDS
from engines.backends.ahead import OnProgress
from engines.errors import BackendUnavailable, EngineError
from engines.graphs.profile import Profile
from engines.store.entries import Engines


class Built(NamedTuple):
    """The three engines of a profile, and the timing cache after building them."""

    engines: Engines
    timing_cache: bytes


Build = Callable[[Profile, bytes, OnProgress], Built]  # the bytes: the timing cache of earlier builds


def package(backend: str) -> ModuleType:
    """Import the package of "tensorrt" or "tensorrt-rtx". Raises BackendUnavailable if it is not installed."""
    module = BACKENDS[backend].packages[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        remedy = f"type: pip install 'semantic-human-matting[{backend}]'"
        raise BackendUnavailable(f"{backend}: {module} cannot be imported; {remedy}") from error


def compiler_version(trt: ModuleType) -> str:
    """Package and version."""
    return f"{trt.__name__} {trt.__version__}"


def targets(trt: ModuleType) -> list[str]:
    """The GPU generations that a package builds for ahead of time, such as "sm75"; none for `tensorrt`."""
    capabilities = getattr(trt, "ComputeCapability", None)
    names = capabilities.__members__ if capabilities is not None else {}
    return sorted((name.lower() for name in names if name.startswith("SM")), key=lambda name: int(name[2:]))


def check_target(trt: ModuleType, target: str) -> None:
    """Raise ValueError, with those that exist, unless a package builds ahead of time for a GPU generation."""
    if target not in targets(trt):
        known = ", ".join(targets(trt)) or "none: it builds for the GPU of this machine only"
        raise ValueError(f"target {target}: {compiler_version(trt)} builds for {known}")


def error_log(trt: ModuleType) -> Any:
    """A logger for the package that collects errors in `lines` and prints nothing."""

    class ErrorLog(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.lines.append(" ".join(message.split()))

    return ErrorLog()


def progress_monitor(trt: ModuleType, on_progress: OnProgress) -> Any:
    """A progress monitor that reports the outermost phases of a build.

    An exception in `on_progress`, Ctrl-C too, must not pass through the package: it stops the build, and `stopped_by` keeps it.
    """

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.stopped_by: BaseException | None = None
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if parent_phase is None:
                self._steps[phase_name] = max(1, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            """Return whether to go on."""
            try:
                if phase_name in self._steps and self.stopped_by is None:
                    on_progress(phase_name, min(1.0, (step + 1) / self._steps[phase_name]))
            except BaseException as error:  # raised again by `ParsedGraph.build`
                self.stopped_by = error
            return self.stopped_by is None

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()


class ParsedGraph:
    """A parsed graph. It holds on to the builder and the network: a parser that outlives its network crashes the process."""

    def __init__(self, trt: ModuleType, model: ModelProto) -> None:
        """Raises EngineError, one line, if the graph is refused."""
        self.trt, self.name = trt, model.graph.name
        self.timing_cache = b""
        self.logger = error_log(trt)
        self.builder = trt.Builder(self.logger)
        # TensorRT 11 has no other kind of network, and may drop the flag.
        typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
        self.definition = self.builder.create_network(0 if typed is None else 1 << int(typed))
        self.parser = trt.OnnxParser(self.definition, self.logger)
        if not self.parser.parse(model.SerializeToString()):
            first = self.parser.get_error(0)
            reason = " ".join(first.desc().split())
            raise EngineError(f"{self.name}: {trt.__name__} refuses {first.node_operator()} {first.node_name()}: {reason}")

    def build(
        self,
        target: str | None = None,
        *,
        profile: Profile | None = None,
        timing_cache: bytes = b"",
        on_progress: OnProgress | None = None,
    ) -> bytes:
        """The engine, serialised. `target`: one of `targets`, or None for the GPU of this machine.

        `profile`: of a graph for a range of sizes. `timing_cache`: `self.timing_cache` after an earlier build on this GPU; it
        saves most of the time. `on_progress` gets phases of the build.

        Raises ValueError if there is no such target, and EngineError, one line, if the package refuses the graph.
        """
        config = self.builder.create_builder_config()
        if profile is not None and not profile.fixed:
            ranges = self.builder.create_optimization_profile()
            for name, shapes in profile.shapes(self.name).items():
                ranges.set_shape(name, *shapes)
            config.add_optimization_profile(ranges)
        config.clear_flag(self.trt.BuilderFlag.TF32)  # it rounds as float16 does, and the float32 that remains is intended
        if target is not None:
            check_target(self.trt, target)
            config.num_compute_capabilities = 1
            config.set_compute_capability(self.trt.ComputeCapability.__members__[target.upper()], 0)
        else:  # ahead of time nothing is timed
            config.set_timing_cache(config.create_timing_cache(timing_cache), False)
        progress = progress_monitor(self.trt, on_progress) if on_progress is not None else None
        if progress is not None:
            config.progress_monitor = progress
        engine = self.builder.build_serialized_network(self.definition, config)
        if progress is not None and progress.stopped_by is not None:
            raise progress.stopped_by
        if engine is None:
            reason = self.logger.lines[0] if self.logger.lines else "it does not say why"
            raise EngineError(f"{self.name}: {self.trt.__name__} cannot build this graph: {reason}")
        if target is None:
            self.timing_cache = bytes(config.get_timing_cache().serialize())
        return bytes(engine)
