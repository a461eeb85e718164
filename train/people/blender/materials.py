"""What things are made of: Blender's materials from their descriptions. Imported by `render`, in the Python that has bpy."""

from collections.abc import Callable
from typing import Any

import bpy

Spec = dict[str, Any]


def link(tree: Any, *, value: Any, to: Any) -> None:
    """A number, a colour or another node's output becomes the input of a node."""
    if isinstance(value, bpy.types.NodeSocket):
        tree.links.new(value, to)
    elif hasattr(to.default_value, "__len__") and len(to.default_value) == 4 and len(value) == 3:
        to.default_value = (*value, 1)
    else:
        to.default_value = value


class Nodes:
    """Builds the nodes of a material with few words."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.end = self.tree.nodes.new("ShaderNodeOutputMaterial")

    def add(self, kind: str, inputs: Spec | None = None, **settings: Any) -> Any:
        """A node of a kind; its inputs are values or other nodes' outputs."""
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in settings.items():
            setattr(node, name, value)
        for name, value in (inputs or {}).items():
            link(self.tree, value=value, to=node.inputs[name])
        return node

    def attribute(self, name: str) -> Any:
        """What the mesh tells of each place."""
        return self.add("Attribute", attribute_name=name)

    def mix(self, share: Any, one: Any, other: Any) -> Any:
        """One colour and a share of another."""
        node = self.add("Mix", data_type="RGBA")
        link(self.tree, value=share, to=node.inputs[0])
        link(self.tree, value=one, to=node.inputs[6])
        link(self.tree, value=other, to=node.inputs[7])
        return node.outputs[2]

    def math(self, operation: str, *values: Any) -> Any:
        """Numbers reckoned with."""
        node = self.add("Math", operation=operation, use_clamp=operation in ("LESS_THAN", "GREATER_THAN", "MULTIPLY_ADD"))
        for socket, value in zip(node.inputs, values, strict=False):
            link(self.tree, value=value, to=socket)
        return node.outputs[0]

    def noise(self, where: Any, scale: float, detail: float = 3.0, rough: float = 0.6) -> Any:
        """Noise about 0.5; `scale` is how fine."""
        return self.add("TexNoise", {"Vector": where, "Scale": scale, "Detail": detail, "Roughness": rough}).outputs[0]

    def ramp(self, value: Any, low: float, high: float) -> Any:
        """0 below `low`, 1 above `high`."""
        return self.add("MapRange", {"Value": value, "From Min": low, "From Max": high}, clamp=True).outputs[0]

    def image(self, path: str, where: Any) -> Any:
        """The brightness of a picture."""
        node = self.add("TexImage", {"Vector": where})
        node.image = bpy.data.images.load(path, check_existing=True)
        node.image.colorspace_settings.name = "Non-Color"
        return node.outputs[0]

    def surface(self, colour: Any, roughness: float, bump: Any = None, distance: float = 0.0005, **inputs: Any) -> Any:
        """The finished material: a surface with bumps of so many metres."""
        names = {"Base Color": colour, "Roughness": roughness, **{k.replace("_", " "): v for k, v in inputs.items()}}
        node = self.add("BsdfPrincipled", names)
        if bump is not None:
            bumps = self.add("Bump", {"Height": bump, "Distance": distance, "Strength": 0.6})
            self.tree.links.new(bumps.outputs[0], node.inputs["Normal"])
        self.tree.links.new(node.outputs[0], self.end.inputs[0])
        return self.material


def skin(nodes: Nodes, spec: Spec) -> Any:
    """Skin with lips, freckles, nails, and hair that shows through."""
    where = nodes.attribute("canonical").outputs["Vector"]
    uv = nodes.add("UVMap").outputs[0]
    tone, deep = spec["tone"], [c * f for c, f in zip(spec["tone"], (0.86, 0.66, 0.6), strict=True)]
    colour = nodes.mix(nodes.ramp(nodes.noise(where, 22), 0.3, 0.75), tone, [c * 0.86 for c in tone])
    masks = {name: nodes.image(f"{spec['masks']}/mpfb_{name}.jpg", uv) for name in ("ears", "eyelids", "lips", "fingernails")}
    colour = nodes.mix(nodes.math("MULTIPLY", masks["ears"], 0.5), colour, deep)
    colour = nodes.mix(nodes.math("MULTIPLY", masks["eyelids"], spec["eye_shadow"]), colour, spec["eye_shadow_colour"])
    colour = nodes.mix(nodes.math("MULTIPLY", nodes.attribute("blush").outputs["Fac"], 0.5), colour, deep)
    spots = nodes.ramp(nodes.noise(where, 230, 1.0), 0.66, 0.72)
    colour = nodes.mix(nodes.math("MULTIPLY", spots, spec["freckles"]), colour, [c * 0.5 for c in deep])
    colour = nodes.mix(nodes.math("MULTIPLY", masks["lips"], 0.85), colour, spec["lips"])
    colour = nodes.mix(nodes.math("MULTIPLY", masks["fingernails"], 0.6), colour, spec["nails"])
    colour = nodes.mix(nodes.attribute("hairy").outputs["Fac"], colour, spec["hair"])
    bump = nodes.noise(where, 900, 2.0)
    return nodes.surface(
        colour,
        spec["roughness"],
        bump,
        0.0004,
        Subsurface_Weight=0.12,
        Subsurface_Radius=(1, 0.3, 0.15),
        Subsurface_Scale=0.006,
    )


def cloth(nodes: Nodes, spec: Spec) -> Any:
    """Cloth with its pattern."""
    where = nodes.attribute("canonical").outputs["Vector"]
    first, second, third = spec["colours"]
    x, y, z = nodes.add("SeparateXYZ", {"Vector": where}).outputs

    def bands(coordinate: Any, share: float) -> Any:
        return nodes.math("LESS_THAN", nodes.math("FRACT", nodes.math("MULTIPLY", coordinate, spec["scale"])), share)

    pattern = spec["pattern"]
    colour = first
    if pattern in ("stripes", "check"):
        colour = nodes.mix(bands(z, spec["share"]), colour, second)
    if pattern == "pinstripes":
        colour = nodes.mix(bands(x, 0.12), colour, second)
    if pattern == "check":
        colour = nodes.mix(nodes.math("MULTIPLY", bands(x, spec["share"]), 0.6), colour, third)
    if pattern == "dots":
        cells = nodes.add("TexVoronoi", {"Vector": where, "Scale": spec["scale"], "Randomness": 0.3}).outputs["Distance"]
        colour = nodes.mix(nodes.math("LESS_THAN", cells, 0.25), colour, second)
    if pattern == "print":
        colour = nodes.mix(nodes.ramp(nodes.noise(where, spec["scale"] / 3), 0.5, 0.54), colour, second)
        colour = nodes.mix(nodes.ramp(nodes.noise(where, spec["scale"] / 2, 1.0), 0.6, 0.63), colour, third)
    if pattern == "logo":
        sign = nodes.math("ADD", nodes.math("ABSOLUTE", x), nodes.math("ABSOLUTE", nodes.math("SUBTRACT", z, 0.31)))
        front = nodes.math("MULTIPLY", nodes.math("LESS_THAN", y, -0.02), nodes.math("LESS_THAN", sign, spec["share"] / 6))
        colour = nodes.mix(front, colour, second)
    heather = nodes.noise(where, 700, 2.0)
    colour = nodes.mix(nodes.math("MULTIPLY", nodes.ramp(heather, 0.35, 0.65), spec["heather"]), colour, third)
    if pattern == "knit":
        ribs = nodes.math("SINE", nodes.math("MULTIPLY", x, 900.0))
        bump, distance = nodes.math("ADD", ribs, nodes.noise(where, 500)), 0.0015
    else:
        bump, distance = (
            nodes.math("ADD", nodes.noise(where, 1500), nodes.math("MULTIPLY", nodes.noise(where, 18, 2.0), 9.0)),
            0.002,
        )
    return nodes.surface(colour, spec["roughness"], bump, distance, Sheen_Weight=0.2)


def eye(nodes: Nodes, spec: Spec) -> Any:
    """An eyeball with iris and pupil."""
    x, y, z = nodes.add("SeparateXYZ", {"Vector": nodes.attribute("gaze").outputs["Vector"]}).outputs
    away = nodes.math("SQRT", nodes.math("ADD", nodes.math("MULTIPLY", x, x), nodes.math("MULTIPLY", z, z)))
    front = nodes.math("LESS_THAN", y, 0.0)
    fibres = nodes.noise(nodes.attribute("gaze").outputs["Vector"], 9, 4.0)
    iris = nodes.mix(fibres, spec["iris"], [c * 0.45 for c in spec["iris"]])
    iris = nodes.mix(nodes.ramp(away, 0.40, 0.5), iris, [c * 0.15 for c in spec["iris"]])
    colour = nodes.mix(nodes.math("MULTIPLY", nodes.math("LESS_THAN", away, 0.49), front), (0.74, 0.69, 0.66), iris)
    colour = nodes.mix(nodes.math("MULTIPLY", nodes.math("LESS_THAN", away, 0.2), front), colour, (0.004, 0.004, 0.004))
    return nodes.surface(colour, 0.35, Coat_Weight=1.0, Coat_Roughness=0.03)


def plain(nodes: Nodes, spec: Spec) -> Any:
    """One colour."""
    return nodes.surface(spec["colour"], spec["roughness"], Metallic=spec.get("metallic", 0.0))


def lens(nodes: Nodes, spec: Spec) -> Any:
    """What is seen through."""
    clear, glossy = nodes.add("BsdfTransparent", {"Color": spec["tint"]}), nodes.add("BsdfGlossy", {"Roughness": 0.02})
    mixed = nodes.add("MixShader")
    mixed.inputs[0].default_value = 0.06
    nodes.tree.links.new(clear.outputs[0], mixed.inputs[1])
    nodes.tree.links.new(glossy.outputs[0], mixed.inputs[2])
    nodes.tree.links.new(mixed.outputs[0], nodes.end.inputs[0])
    return nodes.material


def hair(nodes: Nodes, spec: Spec) -> Any:
    """Hair by its pigments."""
    node = nodes.add(
        "BsdfHairPrincipled",
        {
            "Melanin": spec["melanin"],
            "Melanin Redness": spec["redness"],
            "Tint": spec["tint"],
            "Roughness": spec["roughness"],
            "Radial Roughness": spec["roughness"],
            "Random Color": 0.25,
            "Random Roughness": 0.1,
        },
        parametrization="MELANIN",
    )
    nodes.tree.links.new(node.outputs[0], nodes.end.inputs[0])
    return nodes.material


MATERIALS: dict[str, Callable[[Nodes, Spec], Any]] = {
    "skin": skin,
    "cloth": cloth,
    "eye": eye,
    "plain": plain,
    "lens": lens,
    "hair": hair,
}


def material(spec: Spec) -> Any:
    """The material of a description."""
    return MATERIALS[spec["kind"]](Nodes(spec["kind"]), spec)
