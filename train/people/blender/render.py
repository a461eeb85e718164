"""The renderer's own process: draws scene files with Cycles on the CPU. Run as a script, in a Python that has bpy.

It imports nothing of this project. bpy is under the GPL: it is a tool, and nothing that this project ships imports it.

    request  a line: the path of a scene file, a tab, the path of the colours to write, a tab, the path of the alpha to write
    answer   a line of JSON: {"seconds": ...} or {"error": "..."}; the first comes unasked and has {"bpy": its version}

A scene file is an .npz: its "scene" is JSON, in which {"array": name} stands for an array of the file; `train.people.stage`
tells what is in it. Colours are a 16-bit PNG with straight alpha, as Cycles denoised them; the alpha is a 16-bit PNG of many
more samples.
"""

import json
import math
import os
import sys
import time
import traceback
from typing import Any

import numpy as np

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what Blender prints is a complaint
try:
    import bpy
except ImportError as error:
    sys.exit(f"{sys.executable} has no bpy ({error}); type: {sys.executable} -m pip install bpy==5.0.1")

from materials import Nodes, Spec, material  # noqa: E402 - needs bpy
from mathutils import Vector  # noqa: E402 - comes with bpy


def add_mesh(spec: Spec) -> None:
    """A mesh of triangles and quads; a quad whose last corner is -1 is a triangle."""
    faces = spec["faces"]
    mesh = bpy.data.meshes.new(spec["name"])
    keep = faces >= 0
    counts = keep.sum(1)
    mesh.vertices.add(len(spec["vertices"]))
    mesh.vertices.foreach_set("co", spec["vertices"].astype("f4").ravel())
    mesh.loops.add(int(counts.sum()))
    mesh.loops.foreach_set("vertex_index", faces[keep].astype("i4"))
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.concatenate([[0], np.cumsum(counts)[:-1]]).astype("i4"))
    mesh.polygons.foreach_set("use_smooth", np.full(len(faces), spec.get("smooth", True)))
    if "uv" in spec:
        mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", spec["uv"][keep].astype("f4").ravel())
    for name, values in spec.get("attributes", {}).items():
        if values.ndim == 1:
            mesh.attributes.new(name, "FLOAT", "POINT").data.foreach_set("value", values.astype("f4"))
        else:
            mesh.attributes.new(name, "FLOAT_VECTOR", "POINT").data.foreach_set("vector", values.astype("f4").ravel())
    mesh.update()
    mesh.validate()
    mesh.materials.append(material(spec["material"]))
    thing = bpy.data.objects.new(spec["name"], mesh)
    bpy.context.scene.collection.objects.link(thing)
    if spec.get("subdivide"):
        modifier = thing.modifiers.new("subdivide", "SUBSURF")
        modifier.levels = modifier.render_levels = spec["subdivide"]
    thing["seen_through"] = spec["material"]["kind"] == "lens"


def add_hair(spec: Spec) -> None:
    """Strands of hair."""
    points, radii = spec["points"], spec["radii"]
    curves = bpy.data.hair_curves.new(spec["name"])
    curves.add_curves([points.shape[1]] * len(points))
    curves.points.foreach_set("position", points.astype("f4").ravel())
    curves.points.foreach_set("radius", radii.astype("f4").ravel())
    curves.materials.append(material(spec["material"]))
    bpy.context.scene.collection.objects.link(bpy.data.objects.new(spec["name"], curves))


def aim(thing: Any, position: list[float], target: list[float]) -> None:
    """Places a thing and turns it to a target."""
    thing.location = position
    thing.rotation_euler = (Vector(target) - Vector(position)).to_track_quat("-Z", "Y").to_euler()


def add_light(spec: Spec) -> None:
    """A lamp that is a rectangle."""
    light = bpy.data.lights.new("light", "AREA")
    light.energy, light.color, light.shape = spec["watts"], spec["colour"], "RECTANGLE"
    light.size, light.size_y = spec["size"]
    thing = bpy.data.objects.new("light", light)
    aim(thing, spec["position"], spec["target"])
    bpy.context.scene.collection.objects.link(thing)


def set_up(scene: Spec) -> None:
    """An empty file with this scene's things, its camera and its lights."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    stage = bpy.context.scene
    for spec in scene["meshes"]:
        add_mesh(spec)
    for spec in scene["hairs"]:
        add_hair(spec)
    for spec in scene["lights"]:
        add_light(spec)
    lens = bpy.data.cameras.new("camera")
    lens.sensor_fit = "VERTICAL"
    lens.angle_y = math.radians(scene["camera"]["view_degrees"])
    lens.clip_start = 0.02
    camera = bpy.data.objects.new("camera", lens)
    aim(camera, scene["camera"]["position"], scene["camera"]["target"])
    camera.rotation_euler.rotate_axis("Z", math.radians(scene["camera"]["roll_degrees"]))
    stage.collection.objects.link(camera)
    stage.camera = camera
    stage.world = bpy.data.worlds.new("world")
    stage.world.use_nodes = True
    tree = stage.world.node_tree
    background = tree.nodes["Background"]
    rays, gradient = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeValToRGB")
    apart = tree.nodes.new("ShaderNodeSeparateXYZ")
    tree.links.new(rays.outputs["Generated"], apart.inputs[0])
    tree.links.new(apart.outputs[2], gradient.inputs[0])
    for element, colour in zip(gradient.color_ramp.elements, scene["world"]["colours"], strict=True):
        element.color = (*colour, 1)
    tree.links.new(gradient.outputs[0], background.inputs[0])
    background.inputs[1].default_value = scene["world"]["strength"]
    render = stage.render
    render.engine = "CYCLES"
    render.film_transparent = True
    render.resolution_x, render.resolution_y = scene["camera"]["size"]
    render.threads_mode, render.threads = "FIXED", scene["threads"]
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    render.image_settings.color_depth, render.image_settings.compression = "16", 0
    stage.view_settings.view_transform = scene["look"]
    stage.view_settings.exposure = scene["exposure"]
    cycles = stage.cycles
    cycles.device, cycles.seed = "CPU", scene["seed"] % 2**31
    cycles.max_bounces, cycles.transparent_max_bounces = 3, 12
    cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = 2, 2, 3
    cycles.sample_clamp_indirect = 4.0
    cycles.use_adaptive_sampling = True


def draw(scene: Spec, colours: str, alpha: str) -> None:
    """Colours with few samples, denoised; then the alpha by itself, with many at the edges and hardly any elsewhere."""
    set_up(scene)
    stage = bpy.context.scene
    cycles, render = stage.cycles, stage.render
    cycles.samples, cycles.adaptive_min_samples, cycles.adaptive_threshold = scene["samples"], 6, 0.1
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"
    render.use_persistent_data = True
    render.filepath = colours
    bpy.ops.render.render(write_still=True)
    white = Nodes("white")
    white.tree.links.new(white.add("Emission").outputs[0], white.end.inputs[0])
    for thing in stage.objects:
        thing.hide_render = thing.type == "LIGHT" or bool(thing.get("seen_through"))
        if hasattr(thing.data, "materials"):
            for slot in thing.material_slots:
                slot.material = white.material
    background = stage.world.node_tree.nodes["Background"]
    background.inputs[1].default_value = 0
    cycles.max_bounces = 0
    cycles.use_denoising = False
    cycles.samples, cycles.adaptive_min_samples, cycles.adaptive_threshold = scene["alpha_samples"], 16, 0.01
    stage.view_settings.view_transform, stage.view_settings.exposure = "Raw", 0
    render.filepath = alpha
    bpy.ops.render.render(write_still=True)


def filled_in(value: Any, arrays: Any) -> Any:
    """The scene with its arrays in the places of their names."""
    if isinstance(value, dict):
        return arrays[value["array"]] if set(value) == {"array"} else {k: filled_in(v, arrays) for k, v in value.items()}
    return [filled_in(v, arrays) for v in value] if isinstance(value, list) else value


def main() -> None:
    """Answers requests until there are no more."""
    print(json.dumps({"bpy": bpy.app.version_string}), file=answers)
    for line in sys.stdin:
        path, colours, alpha = line.rstrip("\n").split("\t")
        begin = time.perf_counter()
        try:
            with np.load(path) as arrays:
                scene = filled_in(json.loads(str(arrays["scene"])), arrays)
            draw(scene, colours, alpha)
            print(json.dumps({"seconds": time.perf_counter() - begin}), file=answers)
        except Exception as error:  # whatever it is, the one who asked must hear of it
            traceback.print_exc()
            print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers)


if __name__ == "__main__":
    main()
