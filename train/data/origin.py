"""Which pictures a task learns from: a checkpoint says so, and a run that goes on with others notices."""

import hashlib
import json
from typing import Any

from train.data.library import Library

Origin = dict[str, Any]  # plain values, as a checkpoint stores them


def origin_of(library: Library, *, fine_only: bool) -> Origin:
    """How many pictures of people and of nobody, and a digest of the names and sizes of their files, wherever these lie."""
    people = [each for each in (*library.subjects, *library.validation) if each.fine or not fine_only]
    nobody = {*library.backgrounds, *library.validation_backgrounds}
    files = [path for each in people for path in (each.image, each.alpha, each.foreground, each.unknown) if path] + [*nobody]
    found = sorted((*path.parts[-3:], path.stat().st_size) for path in files)
    return {"people": len(people), "nobody": len(nobody), "digest": hashlib.sha256(json.dumps(found).encode()).hexdigest()}


def changed(before: Origin | None, now: Origin) -> str | None:
    """How the data differ from those of a checkpoint, which earlier versions did not store; None if they do not."""
    if before is None or before == now:
        return None
    here, there = ((each["people"], each["nobody"]) for each in (now, before))
    if here == there:
        return "as many pictures as it had, some of another name or size"
    return f"{here[0]} pictures of people and {here[1]} of nobody, where it had {there[0]} and {there[1]}"


def note_of_change(name: str, change: str, *, finished: bool) -> str:
    """What a run says of a task whose data have changed."""
    if finished:
        return f"note: {name} is finished, and did not learn from these data: {change}; give another folder to train on them"
    return f"note: {name} goes on with other data: {change}"
