"""FP16 graphs into TensorRT engines. Two packages serve, with the same names: `tensorrt` and `tensorrt_rtx`.

`tensorrt` builds on the GPU that will run the engine. `tensorrt_rtx` also builds ahead of time, with no GPU and no driver, for
a GPU generation that is named: its compute capability, "sm89".
"""

import importlib
from types import ModuleType
from typing import Any

from onnx import ModelProto

from engines.errors import InputError

PACKAGES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}  # backend: module


def package(backend: str) -> ModuleType:
    """The module of a backend, "tensorrt" or "tensorrt-rtx". Raises InputError that says what to install if it is missing."""
    module = PACKAGES[backend]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        remedy = f"type: pip install 'semantic-human-matting[{backend}]'"
        raise InputError(f"--backend {backend}: {module} cannot be imported; {remedy}") from error


def targets(trt: ModuleType) -> list[str]:
    """The GPU generations that a package builds for ahead of time, such as "sm75"; none for `tensorrt`."""
    capabilities = getattr(trt, "ComputeCapability", None)
    names = capabilities.__members__ if capabilities is not None else {}
    return sorted((name.lower() for name in names if name.startswith("SM")), key=lambda name: int(name[2:]))


def complaints(trt: ModuleType) -> Any:
    """A logger for the package that keeps what it was told of errors, in `lines`, and prints nothing."""

    class Complaints(trt.ILogger):  # type: ignore[misc, name-defined]
        """See `complaints`."""

        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            """Keeps a message if it is an error."""
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.lines.append(" ".join(message.split()))

    return Complaints()


class Network:
    """A parsed graph. It holds on to the builder and the network: a parser that outlives its network crashes the process."""

    def __init__(self, trt: ModuleType, model: ModelProto) -> None:
        """Raises InputError, one line, if the graph is refused."""
        self.trt, self.name = trt, model.graph.name
        self.logger = complaints(trt)
        self.builder = trt.Builder(self.logger)
        # TensorRT 11 has no other kind of network, and may drop the flag.
        typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
        self.definition = self.builder.create_network(0 if typed is None else 1 << int(typed))
        self.parser = trt.OnnxParser(self.definition, self.logger)
        if not self.parser.parse(model.SerializeToString()):
            first = self.parser.get_error(0)
            said = " ".join(first.desc().split())
            raise InputError(f"{self.name}: {trt.__name__} refuses {first.node_operator()} {first.node_name()}: {said}")

    def build(self, target: str | None = None) -> bytes:
        """The engine, serialised. `target`: one of `targets`, or None for the GPU of this machine.

        Raises InputError, one line, if there is no such target or the package refuses the graph.
        """
        config = self.builder.create_builder_config()
        if target is not None:
            if target not in targets(self.trt):
                known = ", ".join(targets(self.trt)) or "none: it builds for the GPU of this machine only"
                raise InputError(f"--target {target}: {self.trt.__name__} {self.trt.__version__} builds for {known}")
            config.num_compute_capabilities = 1
            config.set_compute_capability(self.trt.ComputeCapability.__members__[target.upper()], 0)
        engine = self.builder.build_serialized_network(self.definition, config)
        if engine is None:
            said = self.logger.lines[0] if self.logger.lines else "it does not say why"
            raise InputError(f"{self.name}: {self.trt.__name__} cannot build this graph: {said}")
        return bytes(engine)
