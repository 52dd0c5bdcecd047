"""Small archives of outputs: real documents, empty image files."""

import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "packaging"))
import packaging_cases as cases

from sen2like.packaging.documents import write_documents


def add(archive: Path, source, level="L2H", tile="31TFJ", **changes) -> Path:
    """Write the documents of an output of `source`, and an empty file for everything they list; the product's folder."""
    product = replace(cases.output_product(source, level, tile=tile), **changes)
    folder = archive / tile / product.names.folder
    folder.mkdir(parents=True)
    write_documents(folder, product)
    for asset in item_of(folder)["assets"].values():
        path = folder / asset["href"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def item_of(folder: Path) -> dict:
    return json.loads((folder / f"{folder.stem}.json").read_bytes())


def change_item(folder: Path, **fields) -> None:
    path = folder / f"{folder.stem}.json"
    path.write_text(json.dumps({**item_of(folder), **fields}))
