"""Synthetic people with exact alpha: who they are, their bodies, hair, clothes and light, and the tool that renders them.

`casting` draws a person from a seed; `body`, `hair`, `garments` and `wearables` make its shapes, `stage` lays them together
with camera and light; `renderer` has Cycles draw it in a process of its own.
"""
