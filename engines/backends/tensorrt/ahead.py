"""TensorRT engines built for `shm-compile`: for the GPU of this machine, or ahead of time for one elsewhere."""

from pathlib import Path
from types import ModuleType

from engines.backends import nvidia
from engines.backends.ahead import Refused, Request
from engines.backends.tensorrt.build import check_target, package, targets
from engines.backends.tensorrt.plans import build_for, obtain_plans, plan_key
from engines.errors import BackendUnavailable
from engines.graphs.profile import Profile
from engines.store.entries import Engines
from engines.store.parity import check_parity


def compile_ahead(request: Request) -> list[Path]:
    """Build for this GPU, or for the one of `request.target`.

    Raises Refused for options that do not go together, BackendUnavailable where something is missing, and EngineError where a
    graph is refused or a check fails.
    """
    if request.via != "onnx" and (ranges := [profile for profile in request.profiles if not profile.fixed]):
        raise Refused("dynamic", ranges[0], f"{request.via} builds for single sizes only")
    if request.target is None and request.backend == "tensorrt":
        nvidia.require(request.backend)
    trt = package(request.backend)
    device = _device(trt, request)
    try:
        build = build_for(request.via, trt, request.target)
    except BackendUnavailable as error:
        raise Refused("via", request.via, str(error)) from error
    paths = []
    for profile in request.profiles:
        with request.progress(str(profile)) as on_progress:

            def compare(engines: Engines, profile: Profile = profile) -> None:
                from engines.backends.tensorrt.engine import trial_run

                with trial_run(request.backend, engines, profile) as matte_of:
                    request.report(check_parity(matte_of, *profile.usual, profile.model))

            key = plan_key(trt, request.backend, profile, device=device, via=request.via)
            check = compare if request.check and request.target is None else None
            obtain_plans(
                trt, key, profile, build=build, cache=request.cache, on_progress=on_progress, check=check, must_keep=True
            )
            paths.append(request.cache.path(key))
    return paths


def _device(trt: ModuleType, request: Request) -> str:
    """The device in the keys of the engines."""
    if request.target is not None:
        try:
            check_target(trt, request.target)
        except ValueError as error:
            raise Refused("target", request.target, str(error).partition(": ")[2]) from error
        if request.via != "onnx":
            raise Refused("via", request.via, f"builds for the GPU of this machine; leave out the target {request.target}")
        if request.check:
            reason = nvidia.driver_missing() or "its GPU may be of another generation"
            request.report(f"no check: an engine for {request.target} cannot run on this machine: {reason}")
        return request.target
    if (missing := nvidia.driver_missing()) and targets(trt):
        raise Refused("backend", request.backend, f"{missing}; name a GPU generation as target: {', '.join(targets(trt))}")
    nvidia.require(request.backend)
    from engines.backends.tensorrt.engine import device_name

    return device_name(request.backend)
